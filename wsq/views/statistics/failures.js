// The list of recent failures.

import { badge, focusedElement, h } from "../page/elements.js";

export class Failures {
  /** @param {{ nameOf: Function, isOwn: (store: string) => boolean, open: Function, clock: object }} options */
  constructor(options) {
    this.options = options;
    this.list = h("ol", { class: "failing" });
    this.none = h("p", { class: "note" }, "Nothing failed in this span.");
    const head = h("header", null, h("h2", null, "Recent failures"));
    this.element = h("section", { class: "panel", "aria-label": "Recent failures" }, head, this.none, this.list);
  }

  show(failures) {
    const focused = focusedElement(this.list)?.dataset.failure;
    this.none.hidden = failures.length > 0;
    this.list.replaceChildren(...failures.map((failure) => h("li", null, this.#drawFailure(failure))));
    if (!focused) return;
    this.list.querySelector(`[data-failure="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /** A link to the board of its store, for a window of its own too; one of the page's store opens here. */
  #drawFailure({ id, store, name, at, reason, error }) {
    const onclick = (event) => {
      if (!this.options.isOwn(store) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.options.open(id);
    };
    const query = new URLSearchParams({ store, open: `execution:${id}` });
    const inStore = this.options.nameOf(store);
    return h(
      "a",
      { href: `board?${query}`, "data-failure": id, onclick },
      h("span", { class: "who" }, name ?? "Deleted recurring task", inStore && h("small", null, inStore)),
      badge("failed", reason),
      h("span", { class: "why" }, error),
      this.options.clock.relative(at),
    );
  }
}
