import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, dayAndHour, duration, nearTime, until, wallTime } from "../../wsq/views/page/time.js";

test("a run that is due says by when the next pass comes", () => {
  const expected = { 15: "15 s", 60: "1 min", 120: "2 min", 7200: "2 h" };
  for (const [within, words] of Object.entries(expected)) {
    const scheduler = { state: "ok", within: Number(within) };
    assert.equal(until(0, scheduler), `due; next pass within ${words}`);
    assert.equal(until(-30, scheduler), `due; next pass within ${words}`);
  }
});

test("a run that is due says when no scheduler is running", () => {
  for (const state of ["late", "never"]) assert.equal(until(0, { state }), "due; no scheduler is running");
});

test("before anything is known of the scheduler a run is just due", () => {
  for (const scheduler of [null, undefined, { state: "ok" }]) assert.equal(until(0, scheduler), "due now");
});

test("what is not due yet counts down whatever the scheduler does", () => {
  for (const scheduler of [null, { state: "late" }, { state: "ok", within: 60 }]) {
    assert.equal(until(61, scheduler), "in 1:01");
  }
  assert.equal(until(0.2, null), "in 0:01");
  assert.equal(until(3599.5, null), "in 1:00:00");
  assert.equal(until(2 * 86400 + 5 * 3600, null), "in 2 d 5 h");
});

test("durations are as exact as their length asks for", () => {
  const expected = [
    [null, ""],
    [undefined, ""],
    [0, "0 s"],
    [0.04, "0 s"],
    [1.25, "1.3 s"],
    [9.96, "10 s"],
    [59.6, "1 min 0 s"],
    [61, "1 min 1 s"],
    [3600, "1 h 0 min"],
    [7259, "2 h 1 min"],
  ];
  for (const [seconds, words] of expected) assert.equal(duration(seconds), words, `${seconds} seconds`);
});

test("how long ago something was is rounded down", () => {
  const said = [0, 59, 60, 3599, 3600, 86399, 86400].map(ago);
  assert.deepEqual(said, ["just now", "59s ago", "1m ago", "59m ago", "1h ago", "23h ago", "1d ago"]);
});

test("a date of another year says which", () => {
  const now = Date.UTC(2026, 5);
  assert.ok(!dayAndHour(Date.parse("2026-06-01T12:00"), now).includes("2026"));
  assert.ok(dayAndHour(Date.parse("2027-06-01T12:00"), now).includes("2027"));
});

test("the time alone is enough for today", () => {
  const now = Date.parse("2026-06-01T08:00");
  assert.ok(!nearTime(Date.parse("2026-06-01T12:00"), now).includes("Jun"));
  assert.ok(nearTime(Date.parse("2026-06-02T12:00"), now).includes("Jun"));
});

test("a wall time is shown as the server computed it, whatever the browser knows of the zone", () => {
  const now = Date.parse("2026-06-01T12:00");
  assert.match(wallTime("2026-07-01T08:00 EDT", now), /Wed, Jul 1, 08:00\sAM EDT$/);
  assert.match(wallTime("2026-12-01T21:30 -08", now), /Tue, Dec 1, 09:30\sPM -08$/);
  assert.match(wallTime("2036-05-05T05:06 UTC", now), /Mon, May 5, 2036, 05:06\sAM UTC$/);
});
