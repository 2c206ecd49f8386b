// A page that says why what its address names cannot be shown.

class RefusalPage extends Frame {
  constructor(model, el) {
    super(model, el);
    this.root.append(h("main", { class: "sheet", tabindex: "0", "aria-label": "Nothing to show" },
      h("section", null, h("h2", null, "There is nothing to show here"), h("p", { class: "note" }, this.opening.why))), this.toasts);
    this.showHeader(this.first.header);
    this.model.send_msg(JSON.stringify({ type: "sync", ref: 0, rev: 0 }));
  }

  told() {}

  mayResume() { return false; } // whatever it sends, it is told the header
}

export function render({ model, el }) {
  return new RefusalPage(model, el).root;
}
