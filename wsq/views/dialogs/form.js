// Forms in dialogs, drawn from what the server says of their fields. What is typed is checked by the server while it
// is typed, survives a lost connection, and never silently overwrites what somebody else has saved meanwhile.

import { agentBadge, button, h, setText, uniqueId } from "../page/elements.js";
import { CONTROLS } from "./controls.js";
import { excerpt, isSame, mergeFields, valueInWords } from "./form-values.js";
import { REMARKS } from "./remarks.js";
import { dialogTitle } from "./title.js";

const CHECK_AFTER = 150; // ms after the last key

/**
 * @typedef {object} FormOptions
 * @property {string} place what the address says of it
 * @property {boolean} [copied] whether a new row is made like that of the id
 * @property {(form: FormDialog) => (Element | null)} [action] a further button, at the left of the footer
 * @property {(value: object) => any} [onSaved]
 * @property {Record<string, Function>} [controls] for further kinds of fields
 */

/**
 * Opens the form for a row, or for a new one when `id` is null.
 * @param {string} kind a key of `FORMS` in forms.py
 * @param {FormOptions} options
 * @returns {Promise<FormDialog | null>} null when it was refused
 */
export async function openForm(page, kind, id, options) {
  const answer = await page.attempt("open", { form: kind, id, copied: Boolean(options.copied) });
  return answer.ok ? new FormDialog(page, kind, answer.value, options) : null;
}

class FormDialog {
  constructor(page, kind, opened, options) {
    this.page = page;
    this.kind = kind;
    this.options = options;
    this.opened = opened;
    this.id = opened.id;
    this.version = opened.version;
    this.controls = new Map(); // name of a field -> its control, and what is shown around it
    this.remarks = []; // what shows the server's remarks
    this.touched = new Set(); // names of fields
    this.typedAt = 0;
    this.closing = new AbortController();
    this.error = h("p", { class: "trouble", role: "alert", hidden: true });
    this.news = h("p", { class: "trouble amber", role: "status", hidden: true });
    this.save = h("button", { type: "submit", class: "button primary", "data-needs": "editor" }, opened.submit);
    this.footer = h("footer");
    this.#open();
    this.#preset(opened.fields);
    this.base = this.values(); // as the controls spell it: what a browser cannot hold is no change
    this.#check();
    this.dialog.querySelector(".labelled :is(input, textarea, select)")?.focus();
  }

  // ---- drawing ---------------------------------------------------------------------------------

  #open() {
    const { title, notice, execution, layout, head, css } = this.opened;
    const made = execution && this.#drawOrigin(execution);
    const note = notice && h("p", { class: "trouble amber" }, notice);
    const body = h("div", { class: "body" }, this.news, note, this.#drawAll(layout), made, this.error);
    const onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    const heading = dialogTitle(title, ...this.#drawAll(head));
    const form = h("form", { novalidate: true, onsubmit }, heading, body, this.footer);
    this.#showFooter();
    this.dialog = this.page.openDialog(title, { place: this.options.place, cssClass: css, form: this }, form);
    // A browser lets a page refuse to close a dialog only once, until something else was done in it.
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.leave();
    });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    this.dialog.addEventListener("close", () => {
      clearTimeout(this.checking);
      this.closing.abort();
    });
  }

  #drawOrigin(execution) {
    const open = () => this.page.openExecution(execution);
    const show = h("button", { type: "button", class: "linklike", onclick: open }, "Show the run");
    return h("p", { class: "facts" }, agentBadge(), show);
  }

  #drawAll(layout) {
    return layout.map((item) => this.#draw(item));
  }

  /** Draws an item of a layout: a row, a folded part, a place for remarks, or a field. */
  #draw(item) {
    if (item.row) return h("div", { class: "row" }, this.#drawAll(item.row));
    if (item.folded) {
      return h("details", { class: "advanced" }, h("summary", null, item.title), this.#drawAll(item.folded));
    }
    if (!item.remark) return this.#drawField(item);
    const remark = REMARKS[item.remark](this);
    this.remarks.push(remark);
    return remark.element;
  }

  #drawField(field) {
    const control = { ...CONTROLS, ...this.options.controls }[field.kind](field, this);
    const { elements, labelled = elements[0] } = control;
    const id = uniqueId();
    const problem = h("p", { class: "problem", id: `${id}-problem`, hidden: true });
    const theirs = h("div", { class: "theirs", role: "status", hidden: true });
    const hint = field.hint && h("span", { class: "hint", id: `${id}-hint` }, field.hint);
    const focusable = labelled ?? elements[0];
    focusable.id = id;
    focusable.setAttribute("aria-describedby", `${id}-problem${hint ? ` ${id}-hint` : ""}`);
    if (!labelled) {
      focusable.setAttribute("role", "group");
      focusable.setAttribute("aria-labelledby", `${id}-label`);
      focusable.setAttribute("tabindex", "-1");
    }
    const label = labelled
      ? h("label", { for: id }, field.label)
      : h("span", { class: "label", id: `${id}-label` }, field.label);
    const css = `labelled ${field.kind === "flag" ? "flag" : ""}`;
    const onType = () => this.#typed(field.name);
    const attributes = { class: css.trim(), "data-field": field.name, oninput: onType, onchange: onType };
    const box = h("div", attributes, label, elements, hint, problem, theirs);
    this.controls.set(field.name, { ...control, field, element: focusable, problem, theirs });
    return control.around ? control.around(box) : box;
  }

  /** Fills the fields in; what is made while one project is shown alone belongs to it. */
  #preset(fields) {
    const project = this.id === null && !this.options.copied ? this.page.project : null;
    for (const [name, { field, set }] of this.controls) {
      if (project && field.kind === "project") set(project);
      else if (project && field.kind === "projects") set([project]);
      else set(fields[name]);
    }
  }

  // ---- values ----------------------------------------------------------------------------------

  values() {
    return Object.fromEntries([...this.controls].map(([name, control]) => [name, control.get()]));
  }

  isDirty() {
    return !isSame(this.values(), this.base);
  }

  // ---- checked while it is typed ---------------------------------------------------------------

  #typed(name) {
    this.typedAt = Date.now();
    this.error.hidden = true; // it was about what is no longer there
    this.touched.add(name);
    clearTimeout(this.checking);
    const pauses = [...this.controls.values()].map((control) => control.pause?.() ?? 0);
    this.checking = setTimeout(() => this.#check(), CHECK_AFTER + Math.max(0, ...pauses));
  }

  async #check() {
    const fields = this.values();
    const answer = await this.page.request("check", { form: this.kind, id: this.id, fields });
    if (this.closing.signal.aborted || !answer.ok || !isSame(fields, this.values())) return;
    this.#showProblems(answer.value.problems);
    for (const remark of this.remarks) remark.show?.(answer.value.remarks, fields);
  }

  #showProblems(problems) {
    for (const [name, { element, problem }] of this.controls) {
      const sentence = (this.attempted || this.touched.has(name)) && problems[name];
      if (sentence) problem.hidden = false;
      else problem.style.minHeight = `${problem.offsetHeight}px`; // the buttons below it stay where they are
      problem.style.visibility = sentence ? "" : "hidden";
      setText(problem, sentence || "");
      if (sentence) element.setAttribute("aria-invalid", "true");
      else element.removeAttribute("aria-invalid");
    }
  }

  // ---- saved, or left --------------------------------------------------------------------------

  async #submit() {
    if (this.save.disabled) return;
    this.save.disabled = true;
    this.attempted = true;
    const { kind: form, id, version } = this;
    const answer = await this.page.request("submit", { form, id, version, fields: this.values() });
    this.save.disabled = false;
    if (answer.ok) {
      this.dialog.close();
      if (id !== null && answer.value.version !== version) this.#offerUndo(answer.value.version);
      this.options.onSaved?.(answer.value);
    } else if (answer.conflict) {
      this.#merge(answer.conflict);
    } else {
      this.#showRefusal(answer);
    }
  }

  /** Saves it as it was before, unless somebody saves it in between. */
  #offerUndo(version) {
    const { kind: form, id, base: fields } = this;
    const act = (current) => this.page.attempt("submit", { form, id, version: current, fields });
    this.page.undo.offer(act, { sentence: `“${fields.title ?? fields.name}” is saved.`, id, version });
  }

  #showRefusal({ error, problems }) {
    this.error.textContent = error;
    this.error.hidden = false;
    if (!problems) return this.error.scrollIntoView({ block: "nearest" });
    this.#showProblems(problems);
    const wrong = [...this.controls.values()].find(({ field }) => problems[field.name]);
    if (!wrong) return;
    unfold(wrong.element);
    wrong.element.focus();
  }

  #showFooter() {
    const cancel = button("Cancel", null, { onclick: () => this.leave() });
    this.footer.replaceChildren(this.options.action?.(this) || "", cancel, this.save);
  }

  /** Closes the form; what was typed is discarded only after asking. */
  leave() {
    if (!this.isDirty()) return this.dialog.close();
    const keep = () => {
      this.#showFooter();
      this.save.focus();
    };
    const stay = button("Keep editing", null, { onclick: keep });
    const go = button("Discard", "bin", { class: "button danger", onclick: () => this.dialog.close() });
    const question = h("span", { class: "left ask", role: "alert" }, "Discard what you have typed?");
    this.footer.replaceChildren(question, stay, go);
    stay.focus();
  }

  /** Leaves the form for an action on its row. */
  leaveFor(act) {
    if (this.isDirty()) return this.leave();
    this.dialog.close();
    act();
  }

  // ---- when somebody else saved first ----------------------------------------------------------

  async savedByOthers() {
    if (this.isReading) return;
    this.isReading = true;
    const answer = await this.page.request("open", { form: this.kind, id: this.id });
    this.isReading = false;
    const { aborted } = this.closing.signal;
    if (!aborted && answer.ok && answer.value.version > this.version) this.#merge(answer.value);
  }

  /** Takes what only they have changed; where both have, mine stays until I take theirs. */
  #merge(now) {
    const { changed, taken, contested } = mergeFields(this.base, this.values(), now.fields);
    for (const name of changed) this.controls.get(name).theirs.hidden = true; // it was about an earlier version
    for (const name of taken) this.controls.get(name).set(now.fields[name]);
    for (const name of contested) this.#offer(this.controls.get(name), now.fields[name]);
    this.base = now.fields;
    this.version = now.version;
    this.opened = now;
    const labels = changed.map((name) => this.controls.get(name).field.label);
    if (labels.length) this.#showNews(now.edited?.by ?? "Somebody", labels);
    this.#check();
  }

  #offer({ element, theirs, set, words = valueInWords }, value) {
    const take = () => {
      set(value);
      theirs.hidden = true;
      this.#check();
      element.focus();
    };
    const shown = h("span", null, "Theirs: ", h("q", null, excerpt(words(value))));
    theirs.replaceChildren(shown, button("Take theirs", "check", { onclick: take }));
    theirs.hidden = false;
    unfold(element);
  }

  #showNews(who, labels) {
    const contested = [...this.controls.values()].some(({ theirs }) => !theirs.hidden);
    const kept = contested
      ? "Where you have typed something else, theirs is shown below it: nothing is overwritten before you save."
      : "It is shown here; what you have typed is kept.";
    setText(this.news, `${who} has saved this while you were editing; changed: ${labels.join(", ")}. ${kept}`);
    this.news.hidden = false;
    this.news.scrollIntoView({ block: "nearest" });
  }

  // ---- over a reload ---------------------------------------------------------------------------

  draft() {
    const focused = [...this.controls].find(([, { element }]) => element.matches(":focus"));
    const { base, version } = this;
    return { place: this.options.place, base, version, fields: this.values(), focus: focused?.[0] ?? null };
  }

  restore({ base, version, fields, focus }) {
    const now = { ...this.opened };
    this.base = base;
    this.version = version;
    for (const [name, { set }] of this.controls) if (name in fields) set(fields[name]);
    if (now.version !== null && now.version > version) this.#merge(now);
    this.controls.get(focus)?.element.focus();
    this.#check();
  }
}

function unfold(element) {
  const folded = element.closest("details");
  if (folded) folded.open = true;
}
