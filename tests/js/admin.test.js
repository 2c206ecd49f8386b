import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatOrder,
  isInState,
  linesBetween,
  orderBy,
  parseOrder,
  sortLines,
  updateLines,
  withState,
} from "../../wsq/views/admin/overview.js";

const line = (id, fields = {}) => ({
  id,
  name: id,
  store: "acme",
  storeName: "Acme",
  enabled: true,
  failures: 0,
  ...fields,
});
const ids = (lines) => lines.map((each) => each.id);

test("an order survives the address, and an unknown one is by store", () => {
  for (const text of ["name", "last.down", "store.down"]) assert.equal(formatOrder(parseOrder(text)), text);
  for (const text of [null, "", "password", "store"]) assert.equal(formatOrder(parseOrder(text)), null);
});

test("a click sorts by a column, and a second one reverses it", () => {
  const byName = orderBy("name", parseOrder(null));
  assert.deepEqual(byName, { by: "name", isDescending: false });
  assert.deepEqual(orderBy("name", byName), { by: "name", isDescending: true });
  assert.deepEqual(orderBy("failures", byName), { by: "failures", isDescending: true });
});

test("rows without a value are last in either direction", () => {
  const lines = [line("a", { cost: null }), line("b", { cost: 1 }), line("c", { cost: 2 }), line("d", { cost: null })];
  assert.deepEqual(ids(sortLines(lines, { by: "cost", isDescending: false })), ["b", "c", "a", "d"]);
  assert.deepEqual(ids(sortLines(lines, { by: "cost", isDescending: true })), ["c", "b", "a", "d"]);
});

test("equal rows are sorted by store and name, in any case", () => {
  const lines = [line("b"), line("A"), line("c", { storeName: "Aaa" })];
  assert.deepEqual(ids(sortLines(lines, { by: "failures", isDescending: true })), ["c", "A", "b"]);
});

test("a row's state follows from its task, its run and the pauses", () => {
  const names = new Map([["acme", "Acme Inc."]]);
  const state = (fields, paused = []) => withState(line("a", fields), names, new Set(paused));
  assert.equal(state({}).storeName, "Acme Inc.");
  assert.equal(state({ store: "gone" }).storeName, "gone");
  assert.equal(state({ running: "r" }, ["acme"]).state, "running");
  assert.equal(state({ enabled: false }, ["acme"]).state, "disabled");
  assert.equal(state({}, ["acme"]).state, "paused");
  assert.equal(state({}).state, "enabled");
});

test("a running task of a paused store is found among the paused ones", () => {
  const found = withState(line("a", { running: "r" }), new Map(), new Set(["acme"]));
  assert.ok(["", "paused", "enabled", "running"].every((state) => isInState(found, state)));
  assert.ok(!isInState(found, "disabled") && !isInState(found, "failing"));
  assert.ok(isInState(line("b", { failures: 1 }), "failing"));
});

test("a range goes in either direction, and without a beginning it is one row", () => {
  const lines = ["a", "b", "c", "d"].map((id) => line(id));
  assert.deepEqual(ids(linesBetween(lines, "a", lines[2])), ["a", "b", "c"]);
  assert.deepEqual(ids(linesBetween(lines, "d", lines[2])), ["c", "d"]);
  assert.deepEqual(ids(linesBetween(lines, "gone", lines[2])), ["c"]);
});

test("news change, add and remove rows, and whole news replace them all", () => {
  const columns = ["id", "name"];
  const first = updateLines(new Map(), {
    whole: true,
    columns,
    lines: [
      ["a", "A"],
      ["b", "B"],
    ],
    gone: [],
  });
  const next = updateLines(first, {
    whole: false,
    columns,
    lines: [
      ["b", "B2"],
      ["c", "C"],
    ],
    gone: ["a"],
  });
  assert.deepEqual(
    [...next.values()],
    [
      { id: "b", name: "B2" },
      { id: "c", name: "C" },
    ],
  );
  const other = updateLines(next, { whole: true, columns, lines: [["d", "D"]], gone: [] });
  assert.deepEqual([...other.keys()], ["d"]);
  assert.deepEqual([...first.keys()], ["a", "b"]);
});
