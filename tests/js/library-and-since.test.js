import assert from "node:assert/strict";
import { test } from "node:test";

import { beginning, withoutMarkdown } from "../../wsq/views/library/texts.js";
import { localDateTime, parseInstant, spanOf, spanStart } from "../../wsq/views/since/spans.js";

test("a document's beginning is one line of words", () => {
  assert.equal(withoutMarkdown("# Plan\n\n- Write **plainly**\n> and `well`"), "Plan Write plainly and well");
  assert.equal(withoutMarkdown("| a | b |\n|---|:-:|\n| 1 | 2 |"), "a b 1 2");
});

test("a text is cut at the end of a line where one is near", () => {
  const lines = "line of text\n".repeat(500);
  const cut = beginning(lines, 2000);
  assert.ok(cut.length <= 2000 && cut.endsWith("\n"));
  assert.equal(beginning("short", 2000), "short");
  assert.equal(beginning("x".repeat(3000), 2000).length, 2000);
});

test("no character is split where a text is cut", () => {
  assert.equal(beginning(`${"x".repeat(1999)}😀 and more`, 2000), "x".repeat(1999));
});

test("the address names a span or an instant, and anything else is the last visit", () => {
  assert.deepEqual(["day", "week", "date", "last"].map(spanOf), ["day", "week", "date", "last"]);
  assert.equal(spanOf("2026-03-02T12:00"), "date");
  for (const text of [null, "", "soon", "toString"]) assert.equal(spanOf(text), "last");
});

test("an instant is within what a field can show", () => {
  assert.equal(parseInstant("not a date"), null);
  assert.equal(parseInstant("0001-01-01T00:00Z"), Date.UTC(1970, 0, 2));
  assert.equal(parseInstant("+100000-01-01T00:00Z"), Date.UTC(9998, 11, 30));
});

test("a span begins a day ago where nothing else is known", () => {
  const [now, day] = [Date.UTC(2026, 2, 9), 86400000];
  const start = (span, fields) => spanStart(span, { now, previousVisit: null, date: "", ...fields });
  assert.equal(start("last"), now - day);
  assert.equal(start("last", { previousVisit: 7 }), 7);
  assert.equal(start("day", { previousVisit: 7 }), now - day);
  assert.equal(start("week"), now - 7 * day);
  assert.equal(start("date"), now - day);
  assert.equal(start("date", { date: "2026-03-02T00:00Z" }), Date.UTC(2026, 2, 2));
});

test("a field shows an instant in the browser's own zone", () => {
  const at = new Date(2026, 2, 2, 9, 5).getTime();
  assert.equal(localDateTime(at), "2026-03-02T09:05");
});
