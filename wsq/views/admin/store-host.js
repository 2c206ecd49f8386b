// What dialogs about one store need of a page that shows several; see `Host` in run-row.js.

import { openExecution } from "../dialogs/execution.js";
import { openHistory } from "../dialogs/history.js";

export class StoreHost {
  constructor(page, store) {
    this.page = page;
    this.store = store;
    this.clock = page.clock;
  }

  request(type, fields) {
    return this.page.request("within", this.#within(type, fields));
  }

  attempt(type, fields) {
    return this.page.attempt("within", this.#within(type, fields));
  }

  #within(type, fields) {
    return { store: this.store, message: { type, ref: 0, ...fields } };
  }

  /** Opens a dialog whose place in the address names the store too. */
  openDialog(label, options, ...children) {
    const [kind, id] = options.place.split(":");
    return this.page.openDialog(label, { ...options, place: `${kind}:${this.store}:${id}` }, ...children);
  }

  openExecution(id) {
    return openExecution(this, id);
  }

  openHistory(id, name) {
    return openHistory(this, id, name);
  }

  openTask(id) {
    this.page.openTaskOf(this.store, id);
  }

  drawProgress() {
    return null;
  }
}
