// Dialogs over a page, and forms in them: what is typed is judged by the server as it is typed, survives a
// lost connection, and never silently overwrites what somebody else saved meanwhile.

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const DRAFT = "wsq-draft";
const LONGEST_THEIRS = 2000; // what is shown of a text that somebody else has saved; all of it can be taken

class DialogPage extends Frame {
  constructor(model, el) {
    super(model, el);
    this.dialogs = h("div");
    this.open = []; // the dialogs that lie one over the other, each with how it is called in the address
    this.projects = [];
    this.projectNames = new Map();
    if (this.opening.page) this.onWindow("beforeunload", () => this.keepDraft());
  }

  // `place` is what the address says of it, so that a reload opens it again.
  dialog(label, { place = null, cssClass = "" } = {}, ...children) {
    const dialog = h("dialog", { "aria-label": label, class: cssClass }, ...children);
    const back = this.rememberFocus(), pressed = this.root.getRootNode().activeElement;
    const entry = { dialog, place };
    this.open.push(entry);
    dialog.addEventListener("close", () => {
      this.open = this.open.filter((each) => each !== entry);
      this.topmost().append(this.toasts);
      this.rememberPlace();
      dialog.remove();
      if (pressed?.isConnected) pressed.focus({ preventScroll: true });
      else this.restoreFocus(back);
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog && !dialog.form) dialog.close(); });
    this.dialogs.append(dialog);
    dialog.showModal();
    this.rememberPlace();
    return dialog;
  }

  topmost() { return this.open.at(-1)?.dialog ?? this.root; }

  rememberPlace() {
    const shown = this.open.filter((each) => each.place).at(-1);
    this.remember({ open: shown?.place ?? null });
  }

  // For pages that draw anew what had the focus.
  rememberFocus() { return null; }

  restoreFocus() {}

  openTask(id) { return this.taskForm(id); }

  title(text, ...extra) {
    return h("div", { class: "dialog-head" }, h("h2", null, text), ...extra);
  }

  // Asks before something that cannot be undone; resolves to whether it was confirmed and has worked.
  confirm(label, question, words, mark, act) {
    const keep = button("Cancel", null, { onclick: () => dialog.close() });
    const go = button(words, mark, { class: "button danger", onclick: async () => {
      go.disabled = true;
      const answer = await act();
      go.disabled = false;
      if (answer.ok) dialog.close();
    } });
    const dialog = this.dialog(label, { cssClass: "small" }, h("div", { class: "inside" }, this.title(`${label}?`),
      h("div", { class: "body" }, h("p", null, question)), h("footer", null, keep, go)));
    keep.focus();
    return dialog;
  }

  async openForm(kind, id, options) {
    const answer = await this.attempt("open", { form: kind, id: id ?? null, copied: Boolean(options.copied) });
    return answer.ok ? new FormDialog(this, kind, answer.value, options) : null;
  }

  forms() { return this.open.map((each) => each.dialog.form).filter(Boolean); }

  // Somebody saved a row, as far as a page hears of it: a form that is open on it must know.
  rowIsAt(id, version) {
    for (const form of this.forms()) if (form.id === id && version > form.version) form.overtaken();
  }

  busyTyping() { return this.forms().some((form) => Date.now() - form.typedAt < 2000); }

  // What was typed and not saved yet outlives the page that is loaded anew.
  keepDraft() {
    const form = this.forms().find((each) => each.isDirty());
    try {
      if (form) sessionStorage.setItem(DRAFT, JSON.stringify({ ...form.draft(), at: location.href }));
    } catch { /* without storage it is lost with the page */ }
  }

  takeDraft() {
    try {
      const draft = JSON.parse(sessionStorage.getItem(DRAFT));
      sessionStorage.removeItem(DRAFT);
      return draft?.at === location.href ? draft : null;
    } catch {
      return null;
    }
  }

  reload() {
    this.keepDraft();
    super.reload();
  }

  projectOptions(chosen) {
    const options = [["", "No project"], ...this.projects.map((project) => [project.id, project.name])];
    return !chosen || this.projectNames.has(chosen) ? options : [[chosen, "Archived project"], ...options];
  }
}

class FormDialog {
  // options: label, submit, body(form) -> nodes, left(form) -> node, place, saved(value, form), wide,
  // cssClass, pause(form) -> how many ms after the last key it is judged
  constructor(page, kind, opened, options) {
    Object.assign(this, { page, kind, options, id: opened.id, version: opened.version, opened });
    this.controls = new Map(); // field -> { label, get, set, problem, theirs, box }
    this.touched = new Set();
    this.typedAt = 0;
    this.ending = new AbortController(); // of what listens to more than the dialog itself
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.news = h("p", { class: "trouble amber", role: "status", hidden: true });
    this.save = h("button", { type: "submit", class: "button primary", "data-needs": "editor" }, options.submit);
    this.footer = h("footer");
    this.base = opened.fields;
    const body = h("div", { class: "body" }, this.news, options.body(this), this.trouble);
    for (const [name, control] of this.controls) control.set(this.base[name]);
    const form = h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      page.title(options.label, ...(options.head?.(this) ?? [])), body, this.footer);
    this.showFooter();
    this.dialog = page.dialog(options.label, { place: options.place, cssClass: options.cssClass ?? (options.wide ? "wide" : "") }, form);
    this.dialog.form = this;
    // A browser lets a page refuse to close a dialog once, and not again before something else was done in it.
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.leave();
    });
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.leave(); });
    this.dialog.addEventListener("close", () => { this.closed = true; clearTimeout(this.checking); this.ending.abort(); });
    this.base = this.values(); // as the controls spell it: what a browser cannot hold is no change
    this.check();
    this.dialog.querySelector(".labelled :is(input, textarea, select)")?.focus();
  }

  // ---- fields ----------------------------------------------------------------------------------

  // `target` is what the label belongs to; a group of controls has none.
  control(name, label, element, { get, set, hint, target = element, words } = {}) {
    const id = `wsq-${++this.page.number}`;
    const problem = h("p", { class: "problem", id: `${id}-problem`, hidden: true });
    const theirs = h("div", { class: "theirs", role: "status", hidden: true });
    const told = hint && h("span", { class: "hint", id: `${id}-hint` }, hint);
    const described = target ?? element;
    described.id = id;
    described.setAttribute("aria-describedby", `${id}-problem${hint ? ` ${id}-hint` : ""}`);
    if (!target) for (const [key, value] of [["role", "group"], ["aria-labelledby", `${id}-label`], ["tabindex", "-1"]]) element.setAttribute(key, value);
    const box = h("div", { class: "labelled", "data-field": name },
      target ? h("label", { for: id }, label) : h("span", { class: "label", id: `${id}-label` }, label), element, told, problem, theirs);
    this.controls.set(name, { label, element: described, words, problem, theirs, get: get ?? (() => element.value), set: set ?? ((value) => { element.value = value ?? ""; }) });
    box.addEventListener("input", () => this.typed(name));
    box.addEventListener("change", () => this.typed(name));
    return box;
  }

  text(name, label, { rows, hint, ...given } = {}) {
    const element = rows ? h("textarea", { class: "field", rows, ...given }) : h("input", { class: "field", autocomplete: "off", ...given });
    return this.control(name, label, element, { hint });
  }

  select(name, label, options, { hint, none } = {}) {
    const element = h("select", { class: "field" }, options.map(([value, text]) => h("option", { value }, text)));
    const words = (value) => options.find(([each]) => each === (value ?? ""))?.[1] ?? value;
    return this.control(name, label, element, { hint, words, get: () => (element.value === "" && none !== undefined ? none : element.value) });
  }

  flag(name, label) {
    const element = h("input", { type: "checkbox" });
    const box = this.control(name, label, element, { get: () => element.checked, set: (value) => { element.checked = Boolean(value); } });
    box.classList.add("flag");
    return box;
  }

  // Names with commas between them; a list that was not touched stays as it is, whatever its names hold.
  people(name, label, hint) {
    const element = h("input", { class: "field", autocomplete: "off" });
    let given = [];
    return this.control(name, label, element, {
      hint,
      get: () => (element.value === given.join(", ") ? given : element.value.split(",").map((each) => each.trim()).filter(Boolean)),
      set: (value) => { given = value ?? []; element.value = given.join(", "); },
    });
  }

  // Any of a few, in their order.
  several(name, label, options) {
    const list = h("div", { class: "choices" }, options.map(([value, text]) => h("label", null, h("input", { type: "checkbox", value }), text)));
    const boxes = [...list.querySelectorAll("input")];
    return this.control(name, label, list, {
      target: null,
      get: () => boxes.filter((each) => each.checked).map((each) => each.value),
      set: (chosen) => { for (const each of boxes) each.checked = (chosen ?? []).includes(each.value); },
      words: (chosen) => options.filter(([value]) => chosen.includes(value)).map(([, text]) => text).join(", ") || "never",
    });
  }

  // Any number of projects, archived ones kept.
  projects(name, label, hint) {
    const list = h("div", { class: "choices" });
    let chosen = [];
    const set = (value) => {
      chosen = value ?? [];
      const known = this.page.projects.map((each) => [each.id, each.name]);
      const others = chosen.filter((id) => !known.some(([each]) => each === id)).map((id) => [id, "Archived project"]);
      list.replaceChildren(...[...known, ...others].map(([id, text]) => h("label", null, h("input", { type: "checkbox", value: id, checked: chosen.includes(id) }), text)));
      if (!list.firstChild) list.append(h("span", { class: "hint" }, "There is no project yet."));
    };
    const get = () => {
      const marked = new Set([...list.querySelectorAll("input")].filter((each) => each.checked).map((each) => each.value));
      return [...chosen.filter((id) => marked.has(id)), ...[...marked].filter((id) => !chosen.includes(id))];
    };
    set([]);
    return this.control(name, label, list, { get, set, hint, target: null, words: (ids) => ids.map((id) => this.page.projectNames.get(id) ?? "Archived project").join(", ") || "nothing" });
  }

  values() {
    return Object.fromEntries([...this.controls].map(([name, control]) => [name, control.get()]));
  }

  isDirty() { return !same(this.values(), this.base); }

  // ---- judged as it is typed -------------------------------------------------------------------

  typed(name) {
    this.typedAt = Date.now();
    this.trouble.hidden = true; // it was said of what is no longer there
    this.touched.add(name);
    clearTimeout(this.checking);
    this.checking = setTimeout(() => this.check(), this.options.pause?.(this) ?? 150);
  }

  async check() {
    const fields = this.values();
    const answer = await this.page.ask("check", { form: this.kind, id: this.id, fields });
    if (this.closed || !answer.ok || !same(fields, this.values())) return;
    this.showProblems(answer.value.problems);
    this.options.remarks?.(answer.value.remarks, this);
  }

  showProblems(problems) {
    for (const [name, control] of this.controls) {
      const wrong = problems[name] && (this.attempted || this.touched.has(name)) ? problems[name] : "";
      setText(control.problem, wrong);
      control.problem.hidden = !wrong;
      if (wrong) control.element.setAttribute("aria-invalid", "true");
      else control.element.removeAttribute("aria-invalid");
    }
  }

  // ---- saved, or left --------------------------------------------------------------------------

  async submit() {
    if (this.save.disabled) return;
    this.save.disabled = true;
    this.attempted = true;
    const answer = await this.page.ask("submit", { form: this.kind, id: this.id, version: this.version, fields: this.values() });
    this.save.disabled = false;
    if (answer.ok) {
      this.dialog.close();
      return this.options.saved?.(answer.value, this);
    }
    if (answer.conflict) return this.merge(answer.conflict);
    this.trouble.textContent = answer.error;
    this.trouble.hidden = false;
    if (answer.problems) {
      this.showProblems(answer.problems);
      const first = [...this.controls].find(([name]) => answer.problems[name]);
      const folded = first?.[1].element.closest("details");
      if (folded) folded.open = true;
      first?.[1].element.focus();
    } else {
      this.trouble.scrollIntoView({ block: "nearest" });
    }
  }

  showFooter() {
    this.footer.replaceChildren(this.options.left?.(this) ?? "", button("Cancel", null, { onclick: () => this.leave() }), this.save);
  }

  leave() {
    if (!this.isDirty()) return this.dialog.close();
    const stay = button("Keep editing", null, { onclick: () => { this.showFooter(); this.save.focus(); } });
    const go = button("Discard", "bin", { class: "button danger", onclick: () => this.dialog.close() });
    this.footer.replaceChildren(h("span", { class: "left ask", role: "alert" }, "Discard what you have typed?"), stay, go);
    stay.focus();
  }

  // ---- when somebody else was faster -----------------------------------------------------------

  async overtaken() {
    if (this.asking) return;
    this.asking = true;
    const answer = await this.page.ask("open", { form: this.kind, id: this.id });
    this.asking = false;
    if (!this.closed && answer.ok && answer.value.version > this.version) this.merge(answer.value);
  }

  // Theirs where only they have changed something; where both have, mine stands until I take theirs.
  merge(now) {
    const mine = this.values(), changed = [];
    for (const [name, control] of this.controls) {
      const theirs = now.fields[name];
      if (same(theirs, this.base[name])) continue;
      changed.push(control.label);
      control.theirs.hidden = true; // what was offered before is nobody's any more
      if (same(mine[name], this.base[name])) control.set(theirs);
      else if (!same(mine[name], theirs)) this.offer(control, theirs);
    }
    this.base = now.fields;
    this.version = now.version;
    this.opened = now;
    if (changed.length) this.tell(now.edited?.by ?? "Somebody", changed);
    this.check();
  }

  offer(control, theirs) {
    const words = control.words ? control.words(theirs) : Array.isArray(theirs) ? theirs.join(", ") : typeof theirs === "boolean" ? (theirs ? "yes" : "no") : theirs || "nothing";
    const take = button("Take theirs", "check", { onclick: () => {
      control.set(theirs);
      control.theirs.hidden = true;
      this.check();
      control.element.focus();
    } });
    control.theirs.replaceChildren(h("span", null, "Theirs: ", h("q", null, words.length > LONGEST_THEIRS ? `${[...words.slice(0, LONGEST_THEIRS)].slice(0, -1).join("")}…` : words)), take);
    control.theirs.hidden = false;
    const folded = control.element.closest("details");
    if (folded) folded.open = true;
  }

  tell(who, changed) {
    const both = [...this.controls.values()].some((control) => !control.theirs.hidden);
    this.news.textContent = `${who} has saved this while you were editing; changed: ${changed.join(", ")}. `
      + (both ? "Where you have typed something else, yours stands here and theirs below it: nothing is overwritten before you save."
        : "It is shown here; what you have typed is kept.");
    this.news.hidden = false;
    this.news.scrollIntoView({ block: "nearest" });
  }

  // ---- over a reload ---------------------------------------------------------------------------

  draft() {
    const focused = [...this.controls].find(([, control]) => control.element.matches(":focus"));
    return { place: this.options.place, base: this.base, version: this.version, fields: this.values(), focus: focused?.[0] ?? null };
  }

  takeUp({ base, version, fields, focus }) {
    const now = { ...this.opened };
    this.base = base;
    this.version = version;
    for (const [name, control] of this.controls) if (name in fields) control.set(fields[name]);
    if (now.version !== null && now.version > version) this.merge(now);
    this.controls.get(focus)?.element.focus();
    this.check();
  }
}
