// A page that says why what its address names cannot be shown.

import { h } from "./elements.js";
import { Page } from "./page.js";

class RefusalPage extends Page {
  constructor(model, container) {
    super(model, container);
    const why = [h("h2", null, "There is nothing to show here"), h("p", { class: "note" }, this.opening.why)];
    const attributes = { class: "sheet", tabindex: "0", "aria-label": "Nothing to show" };
    this.root.append(h("main", attributes, h("section", null, why)), this.toasts.element);
    this.showHeader(this.first.header);
    model.send_msg(JSON.stringify({ type: "sync", ref: 0, rev: 0 })); // whatever it sends, it gets the header
  }

  mayResume() {
    return false;
  }
}

export function render({ model, el }) {
  return new RefusalPage(model, el).root;
}
