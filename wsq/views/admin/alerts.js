// What needs attention.

import { boardAddress, pageAddress } from "../page/address.js";
import { storeName } from "../page/bar.js";
import { button, focusedElement, h, icon } from "../page/elements.js";
import { formatNumber } from "../page/numbers.js";

const SHOWN = 5; // before one asks for all of them
const SHOWN_NARROW = 3;
const TONES = { problem: "red", warning: "amber", information: "" };

export class Alerts {
  constructor(page, isNarrow) {
    this.page = page;
    this.isNarrow = isNarrow;
    this.alerts = [];
    this.more = 0; // which the server does not list
    this.isUnfolded = false;
    this.element = h("section", { class: "alerts", "aria-label": "Needs attention", hidden: true });
  }

  show({ alerts, more }) {
    this.alerts = alerts;
    this.more = more;
    this.#draw();
  }

  #draw() {
    const hadFocus = this.element.contains(focusedElement(this.element));
    const most = this.isNarrow() ? SHOWN_NARROW : SHOWN;
    const shown = this.isUnfolded ? this.alerts : this.alerts.slice(0, most);
    const rest = this.alerts.length - shown.length;
    const count = h("span", { class: "count" }, formatNumber(this.alerts.length + this.more));
    const list = h(
      "ul",
      { role: "list" },
      shown.map((alert) => this.#drawAlert(alert)),
    );
    const hint = rest > 0 || !this.more ? null : drawHint(this.more);
    const canFold = rest > 0 || (this.isUnfolded && this.alerts.length > most);
    const parts = [h("h2", null, "Needs attention ", count), list, hint, canFold && this.#drawFold(rest)];
    this.element.hidden = this.alerts.length === 0;
    this.element.replaceChildren(...parts.filter(Boolean));
    if (hadFocus) (this.element.querySelector("button, a") ?? this.page.main).focus();
  }

  #drawFold(rest) {
    const onclick = () => {
      this.isUnfolded = !this.isUnfolded;
      this.#draw();
    };
    const label = rest > 0 ? `Show ${formatNumber(rest)} more` : "Show fewer";
    return button(label, null, { class: "button quiet more", onclick });
  }

  #drawAlert(alert) {
    const { level, store, since, sentence } = alert;
    const name = this.page.lines.get(alert.task)?.name;
    const where = store && storeName(this.page.header.stores, store);
    const began = since && [" · since ", this.page.clock.relative(since)];
    const text = h("span", { class: "said" }, sentence, " ", store && h("small", null, where, began));
    const attributes = { class: TONES[level] ?? "amber", title: name };
    return h("li", attributes, icon(level === "information" ? "info" : "warn"), text, this.#drawAction(alert, name));
  }

  /** Leads to the execution, the task or the board that it is about. */
  #drawAction({ store, task, execution }, name) {
    const { page } = this;
    if (!store) return null;
    if (execution) return drawButton("run", () => page.openExecutionOf(store, execution));
    if (page.opening.page) {
      const href = task ? boardAddress(store, "recurring", task) : pageAddress("board", store);
      const what = task ? "task" : "board";
      return h("a", { class: "button", "aria-label": `Show ${what}`, href }, drawShow(what));
    }
    return task && drawButton("runs", () => page.openHistoryOf({ store, id: task, name: name ?? "" }));
  }
}

function drawButton(what, onclick) {
  return button(drawShow(what), null, { "aria-label": `Show ${what}`, onclick });
}

function drawShow(what) {
  return ["Show", h("span", { class: "long" }, ` ${what}`)];
}

function drawHint(more) {
  const call = h("code", null, "ws.alerts()");
  return h("p", { class: "hint" }, `and ${formatNumber(more)} more; in Python, `, call, " lists them all");
}
