// The rows that are selected, and what can be done with them.

import { button, focusedElement, h } from "../page/elements.js";
import { formatNumber } from "../page/numbers.js";
import { linesBetween } from "./overview.js";

export class Selection {
  /**
   * @param {object} actions
   * @param {(ids: string[], pressed: HTMLElement) => any} actions.enable
   * @param {(ids: string[]) => any} actions.disable
   * @param {() => any} actions.changed called when other rows are selected than before
   * @param {() => HTMLElement} actions.fallbackFocus what gets the focus when there is no row
   */
  constructor(actions) {
    this.actions = actions;
    this.ids = new Set();
    this.shown = []; // the rows that match, in their order
    this.lastChecked = null; // id
    this.element = h("div", { class: "selection", role: "group", "aria-label": "Selection", hidden: true });
    const onchange = () => this.choose(this.shown, this.all.checked);
    this.all = h("input", { type: "checkbox", "aria-label": "Select all that match", onchange });
  }

  /** Forgets rows that are gone. */
  keep(lines) {
    for (const id of this.ids) if (!lines.has(id)) this.ids.delete(id);
  }

  choose(lines, isChosen) {
    for (const { id } of lines) {
      if (isChosen) this.ids.add(id);
      else this.ids.delete(id);
    }
    this.actions.changed();
  }

  clear() {
    this.ids.clear();
    this.actions.changed();
  }

  /** A click on a row's box; with Shift, on all between it and the one before. */
  onCheck(event, line) {
    const lines = event.shiftKey ? linesBetween(this.shown, this.lastChecked, line) : [line];
    this.lastChecked = line.id;
    this.choose(lines, event.target.checked);
  }

  /** Shows what is selected of the rows that match. */
  show(shown) {
    this.shown = shown;
    const chosen = shown.reduce((sum, line) => sum + this.ids.has(line.id), 0);
    this.all.checked = shown.length > 0 && chosen === shown.length;
    this.all.indeterminate = chosen > 0 && chosen < shown.length;
    const part = this.focusedPart();
    this.element.hidden = this.ids.size === 0;
    if (this.ids.size) this.#draw(this.ids.size - chosen);
    if (part) this.focus(part);
  }

  /** Which of its buttons has the focus; each is another element after the selection has been drawn. */
  focusedPart() {
    const focused = focusedElement(this.element);
    return this.element.contains(focused) ? focused.dataset.part : null;
  }

  focus(part) {
    if (this.ids.size) this.element.querySelector(`[data-part="${part}"]`)?.focus();
    else (this.shown.length ? this.all : this.actions.fallbackFocus()).focus();
  }

  #draw(hidden) {
    const ids = [...this.ids];
    const enable = (event) => this.actions.enable(ids, event.currentTarget);
    const clear = { class: "button quiet", "data-part": "clear", onclick: () => this.clear() };
    const parts = [
      h("strong", null, `${formatNumber(ids.length)} selected`),
      hidden > 0 && h("span", { class: "hint" }, `${formatNumber(hidden)} of them not shown`),
      h("span", { class: "gap" }),
      button("Enable", "play", { "data-part": "enable", onclick: enable }),
      button("Disable …", "power", { "data-part": "disable", onclick: () => this.actions.disable(ids) }),
      button("Clear", "close", clear),
    ];
    this.element.replaceChildren(...parts.filter(Boolean));
  }
}
