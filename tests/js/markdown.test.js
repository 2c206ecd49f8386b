import assert from "node:assert/strict";
import { test } from "node:test";

import { isSafeLink, safeTree } from "../../wsq/views/page/markdown-tree.js";

test("known elements keep their children and nothing else", () => {
  const tree = [["p", { onclick: "evil()", class: "x" }, ["a ", ["strong", {}, ["b"]]]], "c"];
  assert.deepEqual(safeTree(tree), [["p", null, ["a ", ["strong", null, ["b"]]]], "c"]);
});

test("what is not known becomes the text that it came as", () => {
  const script = ["script", {}, ["evil()"]];
  assert.deepEqual(safeTree([script]), [JSON.stringify(script)]);
  for (const odd of [null, 7, {}, ["p"], ["p", {}, "text"], [["p"], {}, []]]) {
    assert.equal(typeof safeTree([odd])[0], "string", JSON.stringify(odd));
  }
  assert.deepEqual(safeTree("text"), ["text"]);
});

test("deeper nesting than 40 elements becomes text", () => {
  let tree = "x";
  for (let depth = 0; depth < 60; depth += 1) tree = ["em", {}, [tree]];
  let node = safeTree([tree])[0];
  let depth = 0;
  while (Array.isArray(node)) {
    depth += 1;
    [, , [node]] = node;
  }
  assert.equal(depth, 40);
});

test("links lead to the web and to e-mail, and to nothing that runs", () => {
  for (const address of ["https://example.com/a?b#c", "http://[::1]/", "mailto:ada@example.com", "HTTPS://a.b"]) {
    assert.ok(isSafeLink(address), address);
  }
  const unsafe = ["javascript:alert(1)", "data:text/html,x", "//a.b", "/a", "https://", "https://a b", "https:a.b"];
  unsafe.push("https://a\nb", "vbscript:x", "", null, 7);
  for (const address of unsafe) assert.ok(!isSafeLink(address), address);
});

test("a link with another address is text with the address after it", () => {
  const [link, other] = safeTree([
    ["a", { href: "https://a.b", target: "_self" }, ["x"]],
    ["a", { href: "javascript:x" }, ["y"]],
  ]);
  assert.deepEqual(link[1], { href: "https://a.b", target: "_blank", rel: "noopener noreferrer nofollow" });
  assert.deepEqual(other, ["bdi", null, ["y", " (javascript:x)"]]);
});

test("attributes are taken over only where their value is known", () => {
  const attributes = (tag, given) => safeTree([[tag, given, []]])[0][1];
  assert.deepEqual(attributes("ol", { start: 3 }), { start: 3 });
  assert.deepEqual(attributes("ol", { start: -1 }), { start: null });
  assert.deepEqual(attributes("td", { align: "right" }), { "data-align": "right" });
  assert.deepEqual(attributes("th", { align: "right; x" }), { "data-align": null });
});

test("what scrolls can be reached by keyboard", () => {
  assert.equal(safeTree([["pre", {}, ["x"]]])[0][1].tabindex, 0);
  const [tag, attributes, [table]] = safeTree([["table", {}, []]])[0];
  assert.deepEqual([tag, attributes.tabindex, table[0]], ["div", 0, "table"]);
});
