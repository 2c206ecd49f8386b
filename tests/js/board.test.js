import assert from "node:assert/strict";
import { test } from "node:test";

import { CardStore } from "../../wsq/views/board/card-store.js";
import { isAfter, laneBeside, placeAfterStep, provisionalRank } from "../../wsq/views/board/order.js";

const card = (id, fields = {}) => ({ id, rev: 1, version: 1, lane: "todo", rank: id, runs: [], ...fields });

function storeWith(...cards) {
  const store = new CardStore();
  for (const each of cards) store.put(each);
  return store;
}

test("tasks are sorted by rank, recurring ones newest first, equal ones by id", () => {
  assert.ok(isAfter(card("b"), card("a")));
  assert.ok(!isAfter(card("b", { lane: "recurring" }), card("a", { lane: "recurring" })));
  assert.ok(isAfter(card("b", { rank: "x" }), card("a", { rank: "x" })));
});

test("a moved card is right after the card before its place", () => {
  const others = ["b", "d"].map((id) => card(id));
  const moved = (place) => card("x", { rank: provisionalRank(card("x"), others, place) });
  assert.ok(isAfter(others[0], moved(0)));
  assert.ok(isAfter(moved(1), others[0]) && isAfter(others[1], moved(1)));
  assert.ok(isAfter(moved(2), others[1]));
  assert.equal(provisionalRank(card("x"), [], 0), "x");
});

test("a step goes past cards that are not shown", () => {
  const cards = ["a", "b", "c", "d"].map((id) => card(id));
  const isShown = (each) => each.id !== "b";
  assert.equal(placeAfterStep(cards, isShown, cards[0], 1), 2);
  assert.equal(placeAfterStep(cards, isShown, cards[2], -1), 0);
  assert.equal(placeAfterStep(cards, isShown, cards[3], 1), null);
  assert.equal(placeAfterStep(cards, isShown, cards[0], -1), null);
});

test("tasks move between the lanes of tasks alone", () => {
  const lanes = [
    ["todo", "To do"],
    ["doing", "Doing"],
    ["done", "Done"],
  ];
  const beside = [laneBeside(lanes, "todo", 1), laneBeside(lanes, "todo", -1), laneBeside(lanes, "done", 1)];
  assert.deepEqual(beside, ["doing", undefined, undefined]);
});

test("a patch completes a known card, whose known runs it names by id", () => {
  const store = storeWith(card("a", { title: "Triage", runs: [{ id: "r1", word: "Completed" }] }));
  const patched = store.complete({ id: "a", rev: 2, runs: [{ id: "r2" }, "r1"] });
  assert.equal(patched.title, "Triage");
  assert.deepEqual(patched.runs, [{ id: "r2" }, { id: "r1", word: "Completed" }]);
  assert.deepEqual(store.complete(card("b")), card("b"));
});

test("an older card is not taken", () => {
  const store = storeWith(card("a", { rev: 5, title: "new" }));
  assert.equal(store.put(card("a", { rev: 5, title: "old" })), null);
  assert.equal(store.get("a").title, "new");
});

test("a change shows at once and until the card has it", () => {
  const store = storeWith(card("a"));
  const change = store.change("a", { lane: "done" });
  assert.equal(store.shown("a").lane, "done");
  assert.equal(store.get("a").lane, "todo");

  assert.ok(store.settle("a", change, { ok: true, value: { version: 2 } }, { isDeletion: false }));
  assert.equal(store.shown("a").lane, "done");
  store.put(card("a", { rev: 2, version: 2, lane: "done", rank: "z" }));

  assert.equal(store.shown("a"), store.get("a"));
});

test("a change whose card came before its answer is over with the answer", () => {
  const store = storeWith(card("a"));
  const change = store.change("a", { lane: "done" });
  store.put(card("a", { rev: 2, version: 2, lane: "doing" }));
  assert.equal(store.shown("a").lane, "done");
  store.settle("a", change, { ok: true, value: { version: 2 } }, { isDeletion: false });
  assert.equal(store.shown("a").lane, "doing");
});

test("a refused change is taken back", () => {
  const store = storeWith(card("a"));
  const change = store.change("a", { lane: "done" });
  store.settle("a", change, { ok: false, error: "No." }, { isDeletion: false });
  assert.equal(store.shown("a").lane, "todo");
});

test("an answer to an earlier change does not end a later one", () => {
  const store = storeWith(card("a"));
  const first = store.change("a", { lane: "doing" });
  store.change("a", { lane: "done" });
  assert.ok(!store.settle("a", first, { ok: false }, { isDeletion: false }));
  assert.equal(store.shown("a").lane, "done");
});

test("the rank that the server gave replaces the provisional one", () => {
  const store = storeWith(card("a"));
  const change = store.change("a", { lane: "done", rank: "x0" });
  store.settle("a", change, { ok: true, value: { version: 2, lane: "done", rank: "xM" } }, { isDeletion: false });
  assert.equal(store.shown("a").rank, "xM");
});

test("a deleted card stays away whatever version still comes", () => {
  const store = storeWith(card("a"));
  const change = store.change("a", { isGone: true });
  store.settle("a", change, { ok: true, value: { version: 2 } }, { isDeletion: true });
  store.put(card("a", { rev: 9, version: 9 }));
  assert.ok(store.shown("a").isGone);
});

test("the card of a task that was made here replaces the one that was shown for it", () => {
  const store = storeWith(card("stand-in"));
  store.standIns.set("a", "stand-in");
  assert.deepEqual(store.put(card("a")), { isNew: true, standIn: "stand-in" });
  assert.deepEqual(store.put(card("a", { rev: 2 })), { isNew: false, standIn: null });
});
