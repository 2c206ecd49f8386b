import assert from "node:assert/strict";
import { test } from "node:test";

import {
  excerpt,
  inOrderOf,
  isSame,
  mergeFields,
  parseNames,
  valueInWords,
} from "../../wsq/views/dialogs/form-values.js";
import { withNewest } from "../../wsq/views/dialogs/history.js";
import { executionFacts, outcomeParts } from "../../wsq/views/dialogs/run-words.js";

test("names are separated by commas, and blanks are none", () => {
  assert.deepEqual(parseNames(" Ada,, Grace Hopper , "), ["Ada", "Grace Hopper"]);
});

test("what was chosen before keeps its order", () => {
  assert.deepEqual(inOrderOf(["c", "a", "x"], ["a", "b", "c"]), ["c", "a", "b"]);
});

test("only what was changed by others is merged, and what was typed here is kept", () => {
  const base = { name: "A", prompt: "B", every: "1", people: ["x"], unit: "days" };
  const mine = { name: "A", prompt: "mine", every: "2", people: ["x"], unit: "hours" };
  const theirs = { name: "A2", prompt: "theirs", every: "1", people: ["y"], unit: "hours" };

  const { changed, taken, contested } = mergeFields(base, mine, theirs);

  assert.deepEqual(changed, ["name", "prompt", "people", "unit"]);
  assert.deepEqual(taken, ["name", "people"]);
  assert.deepEqual(contested, ["prompt"]);
});

test("values are compared by what they contain", () => {
  assert.ok(isSame(["a"], ["a"]));
  assert.ok(!isSame(["a"], "a"));
});

test("values are shown in words", () => {
  assert.deepEqual([["a", "b"], true, false, "", null, "x"].map(valueInWords), [
    "a, b",
    "yes",
    "no",
    "nothing",
    "nothing",
    "x",
  ]);
});

test("a long value is cut between characters", () => {
  assert.equal(excerpt("short"), "short");
  const cut = excerpt(`${"x".repeat(1999)}😀${"y".repeat(10)}`);
  assert.equal(cut, `${"x".repeat(1999)}…`);
});

test("newer executions come before those that are known, each once", () => {
  const runs = (...ids) => ids.map((id) => ({ id }));
  assert.deepEqual(withNewest(runs("b", "a"), runs("d", "c", "b")), runs("d", "c", "b", "a"));
});

const run = (fields) => ({ status: "completed", verdict: null, reason: "", tasks: 0, slots: 1, ...fields });
const words = (fields) => outcomeParts(run(fields)).map(({ text }) => text);

test("skips that are shown as one say how many they are", () => {
  const reason = "No scheduler was running when it was due.";
  const skipped = { status: "skipped", reason, slots: 12 };
  assert.deepEqual(words(skipped), ["No scheduler was running when it was due", "12 scheduled runs"]);
  assert.deepEqual(words({ ...skipped, slots: 1 }), ["No scheduler was running when it was due"]);
});

test("a run says how many tasks it created", () => {
  assert.deepEqual(words({ tasks: 2, verdict: "Done" }), ["Done", "2 tasks created"]);
  assert.deepEqual(words({ tasks: 1, verdict: "Done" }), ["Done", "1 task created"]);
});

test("facts that there are none of are left out", () => {
  const bare = {
    status: "completed",
    trigger: "Manual",
    slots: 0,
    at: "2026-03-02T12:00:00Z",
    completed_at: null,
    seconds: 3,
    attempts: 1,
    waited: 0,
    takeovers: 0,
    model: null,
    offline: false,
    tokens: { input: 0, output: 0 },
    cost: null,
  };
  const names = (facts) => executionFacts(facts).map(([name]) => name);
  assert.deepEqual(names(bare), ["Trigger", "Started", "Took"]);
  const full = { ...bare, attempts: 2, waited: 4, takeovers: 1, tokens: { input: 1200, output: 5 }, offline: true };
  const facts = Object.fromEntries(executionFacts(full));
  assert.equal(facts.Attempts, "2, waited 4.0 s between them");
  assert.equal(facts.Tokens, "1,200 input · 5 output");
  assert.equal(facts.Cost, "Unpriced");
  assert.match(facts.Model, /^Offline provider/);
  const costs = (fields) => Object.fromEntries(executionFacts({ ...full, ...fields })).Cost;
  assert.equal(costs({ cost: 0.01234 }), "$0.0123");
  assert.equal(costs({ cost: 0.01234, cost_estimated: true }), "~$0.0123 (estimated: the service did not say)");
  assert.equal(costs({ cost_estimated: true }), "Unpriced (estimated: the service did not say)");
});
