// A page with dialogs over it, what they show outliving a reload.

import { button, focusedElement, h, hasFocusOutside } from "../page/elements.js";
import { Page } from "../page/page.js";
import { ownKey, readStoredJson, writeStored } from "../page/storage.js";
import { Undo } from "../page/undo.js";
import { openExecution } from "./execution.js";
import { openHistory } from "./history.js";
import { dialogTitle } from "./title.js";

const DRAFT = "wsq-draft";
const TYPING = 2000; // ms after the last key, while a reload would interrupt

export class DialogPage extends Page {
  constructor(model, container) {
    super(model, container);
    this.layer = h("div");
    this.openDialogs = []; // { dialog, place, form }, each over the one before it
    this.project = this.opening.project; // the one that is shown alone
    this.projects = []; // { id, name } of those that can be chosen
    this.projectNames = new Map();
    this.undo = new Undo(this);
    const onKey = (event) => this.undo.onKey(event);
    if (this.opening.page) this.onWindow("keydown", onKey);
    else this.root.addEventListener("keydown", onKey);
    if (this.opening.page) this.onWindow("beforeunload", () => this.#keepDraft());
  }

  // ---- what subclasses change ------------------------------------------------------------------

  /** Remembers what has the focus and may be drawn anew before the focus returns. */
  rememberFocus() {
    return null;
  }

  restoreFocus() {}

  /** Shows a task's card. */
  openTask() {}

  /** An element that shows what a running execution is doing; only the board hears of it. */
  drawProgress() {
    return null;
  }

  /** What is to outlive a reload. */
  draft() {
    return (
      this.#forms()
        .find((form) => form.isDirty())
        ?.draft() ?? null
    );
  }

  async request(type, fields) {
    const answer = await super.request(type, fields);
    if (answer.ok && answer.value?.version && type !== "open") this.undo.changed(answer.value);
    return answer;
  }

  // ---- dialogs ---------------------------------------------------------------------------------

  /**
   * Opens a dialog over everything else.
   * @param {string} label
   * @param {object} options
   * @param {string | null} [options.place] what the address says of it, so that a reload opens it again
   * @param {string} [options.cssClass]
   * @param {object | null} [options.form] what judges whether it may be closed
   * @returns {HTMLDialogElement}
   */
  openDialog(label, { place = null, cssClass = "", form = null }, ...children) {
    const dialog = h("dialog", { "aria-label": label, class: cssClass }, ...children);
    const entry = { dialog, place, form };
    const pressed = focusedElement(this.root);
    const focus = this.rememberFocus();
    this.openDialogs.push(entry);
    dialog.addEventListener("close", () => {
      this.openDialogs = this.openDialogs.filter((each) => each !== entry);
      this.topmost().append(this.toasts.element);
      this.#writePlace();
      // This event comes after the browser has closed the dialog: by now the focus may be where the user went next.
      const isElsewhere = hasFocusOutside(this.root, dialog);
      dialog.remove();
      if (isElsewhere) return;
      if (pressed?.isConnected) pressed.focus({ preventScroll: true });
      else this.restoreFocus(focus);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && !form && dialog.close());
    this.layer.append(dialog);
    dialog.showModal();
    this.#writePlace();
    return dialog;
  }

  /**
   * Asks before something that cannot be undone.
   * @param {{ label: string, question: any, action: string, iconName: string, act: () => Promise<{ ok: boolean }> }} about
   */
  confirm({ label, question, action, iconName, act }) {
    const cancel = button("Cancel", null, { onclick: () => dialog.close() });
    const run = async () => {
      go.disabled = true;
      const answer = await act();
      go.disabled = false;
      if (answer.ok) dialog.close();
    };
    const go = button(action, iconName, { class: "button danger", onclick: run });
    const body = h("div", { class: "body" }, h("p", null, question));
    const inside = h("div", { class: "inside" }, dialogTitle(`${label}?`), body, h("footer", null, cancel, go));
    const dialog = this.openDialog(label, { cssClass: "small" }, inside);
    cancel.focus();
  }

  openExecution(id) {
    return openExecution(this, id);
  }

  openHistory(id, name) {
    return openHistory(this, id, name);
  }

  topmost() {
    return this.openDialogs.at(-1)?.dialog ?? this.root;
  }

  #writePlace() {
    this.writeAddress({ open: this.openDialogs.findLast((each) => each.place)?.place ?? null });
  }

  // ---- forms -----------------------------------------------------------------------------------

  #forms() {
    return this.openDialogs.map((each) => each.form).filter(Boolean);
  }

  /** A row was saved, as far as the page hears of it: a form that is open on it must know. */
  rowSaved(id, version) {
    for (const form of this.#forms()) if (form.id === id && version > form.version) form.savedByOthers();
  }

  setProjects(projects) {
    this.projects = projects;
    this.projectNames = new Map(projects.map((project) => [project.id, project.name]));
  }

  // ---- over a reload ---------------------------------------------------------------------------

  isBusy() {
    return this.#forms().some((form) => Date.now() - form.typedAt < TYPING);
  }

  /** Opens again what was open when the page was left, with what was typed. */
  async reopen() {
    const draft = this.opening.page ? this.takeDraft() : null;
    if (draft) this.restoreDraft(draft);
    const place = this.readAddress("open");
    if (!place) return;
    const form = await this.openPlace(...place.split(":"));
    if (form && draft?.place === place) form.restore(draft);
    if (!this.openDialogs.length) this.writeAddress({ open: null });
  }

  /** Shows again what `draft` returned, but for forms, which are restored once they are open. */
  restoreDraft() {}

  /** Opens the dialog that an address names; a form is returned. */
  async openPlace(kind, id) {
    if (kind === "execution") await this.openExecution(id);
    else if (kind === "history") await this.openHistory(id, "");
  }

  get #draftKey() {
    return ownKey(DRAFT, this.owner);
  }

  #keepDraft() {
    const draft = this.draft();
    if (draft) writeStored("sessionStorage", this.#draftKey, JSON.stringify({ ...draft, at: location.href }));
  }

  takeDraft() {
    const draft = readStoredJson("sessionStorage", this.#draftKey);
    writeStored("sessionStorage", this.#draftKey, null);
    return draft?.at === location.href ? draft : null;
  }

  reload() {
    this.#keepDraft();
    super.reload();
  }
}
