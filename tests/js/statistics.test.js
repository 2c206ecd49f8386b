import assert from "node:assert/strict";
import { test } from "node:test";

import { csvText } from "../../wsq/views/statistics/csv.js";
import { customSpan, filterParameters, readFilters } from "../../wsq/views/statistics/filters.js";
import { tilesOf } from "../../wsq/views/statistics/tiles.js";
import { formatValue } from "../../wsq/views/statistics/values.js";

const COLUMNS = [{ name: "Name" }, { name: "n" }];
const cell = (text) =>
  csvText(COLUMNS, [[text, -1]])
    .split("\r\n")
    .slice(1)
    .join("\r\n")
    .replace(/,-1\r\n$/, "");

test("a file has a line for each row, with texts quoted and numbers as they are", () => {
  const text = csvText(COLUMNS, [
    ['say "so"', -1],
    [null, 0.5],
  ]);
  assert.equal(text, '"Name","n"\r\n"say ""so""",-1\r\n,0.5\r\n');
});

test("harmless texts stay as they are", () => {
  for (const text of ["Triage", "a; b", "1 = 1", "a-b", "", "x\ny"]) assert.equal(cell(text), `"${text}"`);
});

test("no text begins a formula, wherever a spreadsheet separates cells", () => {
  const formulas = ["=1", "\n=1", "\t@x", "＝1", " +1", '"=1', "\u200b-1", "a;=1", 'a; "=1', "a\t=1", ";;＋1"];
  for (const formula of formulas) {
    const written = cell(formula).slice(1, -1).replaceAll('""', '"');
    assert.equal(written.replaceAll("'", ""), formula);
    assert.match(written, /(^|[;\t\r\n])'/, formula);
    assert.doesNotMatch(written, /(^|[;\t\r\n])[\s\u200b"]*[=+@＝＋-]/, formula);
  }
});

const read = (query) => readFilters((name) => new URLSearchParams(query).get(name), "acme");

test("an address without parameters counts the last 30 days of the page's store", () => {
  assert.deepEqual(read(""), {
    store: "acme",
    project: null,
    task: null,
    model: null,
    days: 30,
    since: null,
    until: null,
  });
  assert.equal(read("store=*").store, null);
});

test("parameters that cannot be are ignored", () => {
  for (const days of ["0", "-7", "1.5", "x", "99999"]) assert.equal(read(`days=${days}`).days, 30);
  assert.deepEqual([read("from=yesterday").since, read("to=2026-1-1").until], [null, null]);
  assert.equal(read("days=90").days, 90);
});

test("filters survive the address", () => {
  for (const query of ["store=acme&project=p&task=t&model=m&days=7", "store=*&from=2026-01-01&to=2026-01-31"]) {
    const parameters = Object.entries(filterParameters(read(query))).filter(([, value]) => value !== null);
    assert.equal(new URLSearchParams(parameters).toString(), new URLSearchParams(query).toString());
  }
});

test("a span of one's own begins with the last 30 days, or with what was chosen", () => {
  const now = Date.UTC(2026, 0, 31, 12);
  assert.deepEqual(customSpan({ since: null, until: null }, now), { since: "2026-01-02", until: "2026-01-31" });
  assert.equal(customSpan({ since: "2025-05-05", until: null }, now).since, "2025-05-05");
});

test("values are written by their kind", () => {
  assert.equal(formatValue(null, "count"), "–");
  assert.equal(formatValue(1234, "count"), "1,234");
  assert.equal(formatValue(0.5, "share"), "50.0 %");
  assert.equal(formatValue(61, "seconds"), "1 min 1 s");
  assert.equal(formatValue("2026-03-02", "day"), "Mar 2, 2026");
});

test("tiles note only what there is", () => {
  const none = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 };
  const total = {
    ...none,
    executions: 3,
    completed: 2,
    failed: 1,
    cancelled: 0,
    running: 0,
    success_rate: 2 / 3,
    could_not: 0,
    duration_median: 2,
    duration_p95: null,
    cost_usd: 0,
    unpriced: 0,
    cost_per_created_task: null,
    tried_usd: 0,
    cache_share: null,
    lateness_median: null,
    lateness_p95: null,
    skipped_slots: 0,
    skipped: 0,
    retries: 0,
    retried: 0,
    takeovers: 0,
  };
  const notes = Object.fromEntries(tilesOf(total).map(([key, , , ...rest]) => [key, rest.filter(Boolean)]));
  assert.deepEqual(notes.executions, ["2 completed, 1 failed"]);
  assert.deepEqual(notes.success_rate, ["of completed and failed"]);
  assert.deepEqual([notes.cost, notes.duration, notes.lateness, notes.retries], [[], [], [], []]);
  const other = Object.fromEntries(
    tilesOf({ ...total, running: 1, could_not: 1 }).map(([key, , , note]) => [key, note]),
  );
  assert.equal(other.executions, "2 completed, 1 failed, 1 running");
  assert.equal(other.success_rate, "1 completed as “could not”");
});
