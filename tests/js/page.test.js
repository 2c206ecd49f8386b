import assert from "node:assert/strict";
import { test } from "node:test";

import { boardAddress, changedQuery, pageAddress } from "../../wsq/views/page/address.js";
import { backoff } from "../../wsq/views/page/delay.js";
import { isActive, pausesOf } from "../../wsq/views/page/pauses.js";
import { schedulerAlarm, schedulerWarning } from "../../wsq/views/page/scheduler.js";
import { containsAll, searchWords } from "../../wsq/views/page/search.js";
import { readStored, readStoredJson, writeStored } from "../../wsq/views/page/storage.js";
import { themeOf } from "../../wsq/views/page/theme.js";
import { continueVisit } from "../../wsq/views/page/visits.js";

test("addresses carry the store and the project, escaped", () => {
  assert.equal(pageAddress("board", "a&b", "p 1"), "board?store=a%26b&project=p+1");
  assert.equal(pageAddress("admin", null), "admin?");
  assert.equal(boardAddress("acme", "task", "a/b"), "board?store=acme&open=task:a%2Fb");
});

test("parameters of an address are set and removed, others stay", () => {
  assert.equal(changedQuery("?store=acme&q=x", { q: null, project: "p" }), "?store=acme&project=p");
});

test("attempts wait longer and longer, at most half a minute", () => {
  assert.deepEqual([1, 2, 3, 10].map(backoff), [2000, 4000, 8000, 30000]);
});

test("a pause lasts until its end, one without an end until it is resumed", () => {
  const until = "2026-03-02T12:00:00+00:00";
  const noon = Date.parse(until);
  assert.deepEqual([isActive({ until }, noon - 1), isActive({ until }, noon)], [true, false]);
  assert.ok(isActive({ until: null }, noon));
});

test("the workspace's pause comes before the store's own, and other stores' do not hold", () => {
  const pause = { until: null, reason: null };
  const header = { pauses: { workspace: pause, stores: { acme: pause, globex: pause } } };
  assert.deepEqual(
    pausesOf(header, "acme", 0).map((each) => each.whole),
    [true, false],
  );
  assert.equal(pausesOf({ pauses: { workspace: null, stores: { globex: pause } } }, "acme", 0).length, 0);
  assert.deepEqual(pausesOf({}, "acme", 0), []);
});

test("only a scheduler that does not run raises an alarm", () => {
  assert.equal(schedulerAlarm({ state: "ok" }), null);
  assert.equal(schedulerWarning({ state: "ok" }), null);
  assert.match(schedulerAlarm({ state: "never" }), /^No scheduler is running/);
  const last = "2026-03-02T12:00:00+00:00";
  assert.match(schedulerAlarm({ state: "late", last, usual: 300 }), /usually runs every 5 min: recurring tasks/);
  assert.match(schedulerAlarm({ state: "late", last, usual: 15 }), /every 15 s:/);
  for (const state of ["never", "late"]) assert.match(schedulerWarning({ state }), /will not run by itself/);
});

test("a search finds all words, in any order and case", () => {
  const words = searchWords("  Mail  CHECK ");
  assert.deepEqual(words, ["mail", "check"]);
  assert.ok(containsAll(["Check the", "e-Mail"], words));
  assert.ok(!containsAll(["Check"], words));
  assert.ok(containsAll([], searchWords(" ")));
});

test("a visit continues for half an hour; after that the one before it is remembered", () => {
  const minute = 60000;
  assert.deepEqual(continueVisit(undefined, 5), { seen: 5, before: null });
  assert.deepEqual(continueVisit({ seen: minute, before: 7 }, 31 * minute), { seen: 31 * minute, before: 7 });
  assert.deepEqual(continueVisit({ seen: minute, before: 7 }, 31 * minute + 1).before, minute);
});

test("the theme is the chosen one, else the notebook's, else the system's", () => {
  assert.equal(themeOf("light", "false", true), "light");
  assert.equal(themeOf(null, "false", false), "dark");
  assert.equal(themeOf("purple", undefined, true), "dark");
  assert.equal(themeOf(null, undefined, false), "light");
});

test("without storage nothing is remembered and nothing fails", () => {
  assert.doesNotThrow(() => writeStored("noSuchStorage", "key", "text"));
  assert.equal(readStored("noSuchStorage", "key"), null);
  assert.equal(readStoredJson("noSuchStorage", "key"), null);
});
