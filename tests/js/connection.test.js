import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../../wsq/views/page/connection.js";
import { Refresher } from "../../wsq/views/page/refresher.js";

test("each answer goes to the request with its number, in whatever order", async () => {
  const sent = [];
  const connection = new Connection((text) => sent.push(JSON.parse(text)));
  const first = connection.request("run", { id: "a" });
  const second = connection.request("search", { text: "b" });
  assert.deepEqual(sent, [
    { type: "run", ref: 1, id: "a" },
    { type: "search", ref: 2, text: "b" },
  ]);

  connection.settle({ ref: 2, ok: true, value: ["x"] });
  connection.settle({ ref: 1, ok: false, error: "No." });
  connection.settle({ ref: 9, ok: true });

  assert.equal((await first).error, "No.");
  assert.deepEqual((await second).value, ["x"]);
});

test("a server that does not answer is a refusal after half a minute", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const connection = new Connection(() => {});
  const answer = connection.request("run", {});
  context.mock.timers.tick(30000);
  const { ok, timedOut, error } = await answer;
  assert.deepEqual([ok, timedOut], [false, true]);
  assert.match(error, /did not answer/);
});

test("a change during a look leads to one more look, however many there were", async () => {
  let looks = 0;
  const waiting = [];
  const refresher = new Refresher(() => {
    looks += 1;
    return new Promise((resolve) => waiting.push(resolve));
  });
  const done = refresher.refresh();
  assert.ok(!refresher.again);
  assert.equal(refresher.refresh(), done);
  refresher.refresh();
  assert.ok(refresher.again);

  waiting.shift()(true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(looks, 2);
  waiting.shift()(false);

  assert.equal(await done, false);
  assert.equal(refresher.running, null);
});

test("after a look the next one waits, in proportion to how long it took", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1000000 });
  let looks = 0;
  const refresher = new Refresher(async () => {
    looks += 1;
    return true;
  });
  refresher.lookedAt = Date.now();
  refresher.took = 1000;
  refresher.refreshSoon();
  refresher.refreshSoon();
  context.mock.timers.tick(3999);
  assert.equal(looks, 0);
  context.mock.timers.tick(1);
  assert.equal(looks, 1);
});

test("it starts again until it has worked, and stops when the page is closed", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let looks = 0;
  const refresher = new Refresher(async () => {
    looks += 1;
    return looks === 2;
  });
  const started = refresher.start();
  await new Promise((resolve) => setImmediate(resolve));
  context.mock.timers.tick(2000);
  await started;
  assert.equal(looks, 2);
});
