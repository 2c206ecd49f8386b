// What was done last and can be undone: from a toast, or with Ctrl+Z.

import { isTyping } from "./elements.js";

const KEPT = 50;

export class Undo {
  constructor(page) {
    this.page = page;
    this.steps = []; // { act, id, version, done, toast }, the last one last
  }

  /**
   * @param {(version: number | null) => Promise<{ ok: boolean }>} act undoes it
   * @param {object} about
   * @param {string | null} [about.sentence] what was done, for a toast with a button; null where it can be seen
   * @param {string | null} [about.id] the row's id, where `act` needs its version
   * @param {number | null} [about.version] as far as the row was changed here
   * @param {Promise<{ ok: boolean }>} [about.done] the answer to what was done
   */
  async offer(act, { sentence = null, id = null, version = null, done = Promise.resolve({ ok: true }) } = {}) {
    const step = { act, id, version, done, toast: null };
    this.steps.push(step);
    if (this.steps.length > KEPT) this.steps.shift();
    const { ok } = await done;
    if (!ok) this.#forget(step);
    else if (sentence && this.steps.includes(step)) {
      step.toast = this.page.toast(sentence, "green", { name: "Undo", act: () => this.#undo(step) });
    }
  }

  /** A row was changed here, also by undoing: what else is known of it can still be undone. */
  changed({ id, version }) {
    for (const step of this.steps) if (step.id === id && step.version === version - 1) step.version = version;
  }

  /** Ctrl+Z, but in a text and in a dialog, where it is the browser's. */
  onKey(event) {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === "z";
    if (!isUndo || isTyping(event) || this.page.openDialogs.length) return;
    event.preventDefault();
    const step = this.steps.at(-1);
    if (step) this.#undo(step);
    else this.page.toast("There is nothing to undo.", "");
  }

  #forget(step) {
    this.steps = this.steps.filter((each) => each !== step);
  }

  async #undo(step) {
    this.#forget(step);
    step.toast?.remove();
    if (!(await step.done).ok) return;
    const answer = await step.act(step.version);
    if (answer?.ok) this.page.toast("That is undone.", "green");
  }
}
