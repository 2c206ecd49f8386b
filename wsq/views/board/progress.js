// What running executions say and call while they run; this is not on record.

import { h } from "../page/elements.js";

export class Progress {
  constructor(root) {
    this.root = root;
    this.byId = new Map(); // id of an execution -> { text, tool }
  }

  replace(all) {
    this.byId = new Map(Object.entries(all ?? {}));
  }

  /** Takes news; null means that nothing more is to be shown. */
  update(news) {
    for (const [id, progress] of Object.entries(news)) {
      if (progress) this.byId.set(id, progress);
      else this.byId.delete(id);
      for (const element of this.root.querySelectorAll(`[data-doing="${CSS.escape(id)}"]`)) this.#show(element, id);
    }
  }

  draw(id) {
    const element = h("p", { class: "output doing", "data-doing": id, "aria-label": "What it does now" });
    this.#show(element, id);
    return element;
  }

  #show(element, id) {
    const { text, tool } = this.byId.get(id) ?? { text: "", tool: null };
    element.hidden = !text && !tool;
    if (element.hidden) return;
    const said = text.trim();
    const call = tool && h("em", null, `${said ? "\n" : ""}Calling ${tool} …`);
    element.replaceChildren(h("span", null, said), call || "");
    element.scrollTop = element.scrollHeight;
  }
}
