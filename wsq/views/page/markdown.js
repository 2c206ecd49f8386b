import { h } from "./elements.js";
import { safeTree } from "./markdown-tree.js";

/** Draws Markdown that the server has parsed. */
export function drawMarkdown(tree) {
  const fragment = document.createDocumentFragment();
  for (const node of safeTree(tree)) fragment.append(drawNode(node)); // one by one: they may be too many for a call
  return fragment;
}

function drawNode(node) {
  if (typeof node === "string") return node;
  const [tag, attributes, children] = node;
  return h(tag, attributes, children.map(drawNode));
}
