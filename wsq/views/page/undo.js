// What was done last and can be undone: from a toast, or with Ctrl+Z.

import { isTyping } from "./elements.js";

const KEPT = 50;

export class Undo {
  constructor(page) {
    this.page = page;
    this.steps = []; // { act, toast }, the last one last
  }

  /**
   * @param {() => Promise<{ ok: boolean }>} act undoes it
   * @param {string | null} sentence what was done, for a toast with a button; null where it can be seen
   */
  offer(act, sentence = null) {
    const step = { act, toast: null };
    if (sentence) step.toast = this.page.toast(sentence, "green", { name: "Undo", act: () => this.#undo(step) });
    this.steps.push(step);
    if (this.steps.length > KEPT) this.steps.shift();
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

  async #undo(step) {
    this.steps = this.steps.filter((each) => each !== step);
    step.toast?.remove();
    const answer = await step.act();
    if (answer?.ok) this.page.toast("That is undone.", "green");
  }
}
