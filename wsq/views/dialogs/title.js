import { h } from "../page/elements.js";

/** The heading of a dialog. */
export function dialogTitle(text, ...extra) {
  return h("div", { class: "dialog-head" }, h("h2", null, text), ...extra);
}
