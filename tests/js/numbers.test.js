import assert from "node:assert/strict";
import { test } from "node:test";

import { counted, money, percent, shortNumber } from "../../wsq/views/page/numbers.js";

test("100 % means all and 0 % means none", () => {
  const said = [0, 0.0001, 0.5, 2 / 3, 0.9996, 1].map(percent);
  assert.deepEqual(said, ["0 %", "0.1 %", "50.0 %", "66.7 %", "99.9 %", "100 %"]);
});

test("money is written in cents, and says when it is less than one", () => {
  const said = [0, 0.00001, 0.01, 0.25, 0.999, 1234.5].map(money);
  assert.deepEqual(said, ["$0.00", "<$0.01", "$0.01", "$0.25", "$1.00", "$1,234.50"]);
});

test("nothing is a dash", () => {
  assert.deepEqual([percent(null), money(null)], ["–", "–"]);
});

test("nouns follow their number", () => {
  assert.deepEqual([counted(1, "task"), counted(0, "task"), counted(1200, "day")], ["1 task", "0 tasks", "1,200 days"]);
  assert.equal(counted(2, "entry", "entries"), "2 entries");
});

test("only large numbers are shortened", () => {
  assert.deepEqual([shortNumber(99999), shortNumber(123456)], ["99,999", "123.5K"]);
});
