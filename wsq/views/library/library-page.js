// The library: projects, contacts and documents, which the agent reads, as three lists with their forms.

import { DialogPage } from "../dialogs/dialog-page.js";
import { openForm } from "../dialogs/form.js";
import { button, focusedElement, h, icon, setText } from "../page/elements.js";
import { counted } from "../page/numbers.js";
import { projectFilter } from "../page/project-filter.js";
import { Refresher } from "../page/refresher.js";
import { SearchBox } from "../page/search-box.js";
import { LISTS } from "./kinds.js";
import { markdownEditor } from "./markdown-editor.js";
import { drawRow } from "./rows.js";

const PAUSE = 400; // ms between two looks

class LibraryPage extends DialogPage {
  constructor(model, container) {
    super(model, container);
    this.lists = { projects: [], contacts: [], documents: [] };
    this.hash = ""; // of the lists, as the server made it
    this.leaving = new Set(); // ids of rows whose removal is pending
    this.drawn = new Map(); // id -> { key: what it shows, element }
    const tab = this.readAddress("tab");
    this.tab = Object.hasOwn(LISTS, tab ?? "") ? tab : "projects";
    this.project = this.readAddress("project");
    this.showsArchived = this.readAddress("archived") === "1";
    this.searchBox = new SearchBox(this, () => this.#draw());
    this.refresher = new Refresher(
      () => this.#look(),
      () => PAUSE,
    );
    this.root.append(this.#drawMain(), this.layer, this.toasts.element);
    this.showHeader(this.first.header);
    this.#draw();
    this.#start();
  }

  async #start() {
    await this.whileLoading(this.refresher.start());
    this.#draw();
    this.searchBox.find();
    this.reopen();
  }

  end() {
    super.end();
    this.refresher.stop();
  }

  async openPlace(kind, id = null) {
    if (kind === "execution") await this.openExecution(id);
    else if (kind === "task") return id && this.openTask(id);
    return this.#openRow(kind.replace(/^new-/, ""), id);
  }

  // ---- the server ------------------------------------------------------------------------------

  receive(message) {
    if (message.type === "changed") this.refresher.refreshSoon();
  }

  catchUp() {
    this.refresher.refreshSoon();
  }

  async #look() {
    const answer = await this.request("library", { archived: this.showsArchived, known: this.hash });
    if (answer.ok && answer.value.projects) this.#take(answer.value);
    return answer.ok;
  }

  #take({ mark, projects, contacts, documents }) {
    this.hash = mark;
    this.lists = { projects, contacts, documents };
    this.setProjects(projects.filter((each) => !each.archived));
    this.#draw();
    for (const row of [...projects, ...contacts, ...documents]) this.rowSaved(row.id, row.version);
    if (this.searchBox.query) this.searchBox.findSoon();
  }

  setProjects(projects) {
    const names = (rows) => JSON.stringify(rows.map((each) => [each.id, each.name]));
    const before = names(this.projects);
    super.setProjects(projects);
    if (this.project && !this.projectNames.has(this.project)) this.#showProject(null);
    if (before !== names(projects)) this.drawBar();
  }

  // ---- the lists -------------------------------------------------------------------------------

  barExtras() {
    const filter = projectFilter(this, (id) => this.#showProject(id));
    const pick = this.tab !== "projects" && h("span", { class: "pick project" }, filter);
    return [pick, this.searchBox.element].filter(Boolean);
  }

  #drawMain() {
    const tabs = Object.entries(LISTS).map(([name, { title, iconName }]) => this.#drawTab(name, title, iconName));
    const onTabKey = (event) => this.#onTabKey(event);
    this.tabs = h("div", { role: "tablist", class: "tabs", "aria-label": "Library", onkeydown: onTabKey }, tabs);
    const onArchived = (event) => this.#showArchived(event.currentTarget.checked);
    const archived = h("input", { type: "checkbox", checked: this.showsArchived, onchange: onArchived });
    this.archivedSwitch = h("label", { class: "old" }, archived, "Show archived");
    this.addLabel = h("span");
    const add = () => this.#openRow(LISTS[this.tab].kind, null);
    const attributes = { class: "button primary", "data-needs": "editor", onclick: add };
    this.add = button(this.addLabel, "plus", attributes);
    this.list = h("ul", { class: "shelf", onkeydown: onListKey });
    this.empty = h("div", { class: "empty" });
    this.panel = h("div", { role: "tabpanel", id: "wsq-shelf", tabindex: "-1" }, this.list, this.empty);
    const gap = h("span", { class: "gap" });
    const head = h("div", { class: "over-shelf" }, this.tabs, gap, this.archivedSwitch, this.add);
    return h("main", { class: "library", "aria-label": "Library" }, h("div", { class: "shelves" }, head, this.panel));
  }

  #drawTab(name, title, iconName) {
    const attributes = { type: "button", role: "tab", id: `wsq-tab-${name}`, "aria-controls": "wsq-shelf" };
    const onclick = () => this.#showTab(name);
    const count = h("span", { class: "count" });
    return h("button", { ...attributes, "data-tab": name, onclick }, icon(iconName), title, count);
  }

  #draw() {
    const focus = this.rememberFocus();
    const { kind, title } = LISTS[this.tab];
    for (const tab of this.tabs.children) {
      const isShown = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      const isKnown = this.hash || !this.refresher.running;
      setText(tab.lastElementChild, isKnown ? String(this.#matching(tab.dataset.tab).length) : "");
    }
    this.panel.setAttribute("aria-labelledby", `wsq-tab-${this.tab}`);
    this.list.setAttribute("aria-label", title);
    setText(this.addLabel, `New ${kind}`);
    this.archivedSwitch.hidden = this.tab === "contacts";
    const rows = this.#matching(this.tab);
    this.#arrange(rows.map((row) => this.#elementOf(row)));
    this.#drawEmpty(rows.length);
    this.restoreFocus(focus);
  }

  /** Touches only what has changed, so that nobody loses their place in a long list. */
  #arrange(elements) {
    const kept = new Set(elements);
    for (const each of [...this.list.children]) if (!kept.has(each)) each.remove();
    elements.forEach((each, place) => {
      const current = this.list.children[place] ?? null;
      if (current !== each) this.list.insertBefore(each, current);
    });
    this.list.hidden = !elements.length;
  }

  #elementOf(row) {
    const projects = (row.projects ?? []).map((id) => [
      this.projects.findIndex((each) => each.id === id),
      this.projectNames.get(id),
    ]);
    const key = JSON.stringify([this.tab, row, projects]);
    if (this.drawn.get(row.id)?.key !== key) this.drawn.set(row.id, { key, element: drawRow(this, row) });
    return this.drawn.get(row.id).element;
  }

  #drawEmpty(shown) {
    const { kind, title, purpose, iconName } = LISTS[this.tab];
    const isFiltered = this.searchBox.query || (this.project && this.tab !== "projects");
    this.empty.hidden = shown > 0 || this.root.classList.contains("loading");
    if (isFiltered) {
      const all = button("Show all", null, { onclick: () => this.#showAll() });
      this.empty.replaceChildren(h("p", null, "Nothing matches your search."), all);
    } else {
      const onclick = () => this.#openRow(kind, null);
      const attributes = { class: "button primary", "data-needs": "editor", onclick };
      const add = button(`Make the first ${kind}`, "plus", attributes);
      const heading = h("h2", null, `No ${title.toLowerCase()} yet`);
      this.empty.replaceChildren(icon(iconName), heading, h("p", null, purpose), add);
    }
  }

  #matching(tab) {
    return this.lists[tab].filter((row) => this.#matches(tab, row));
  }

  #matches(tab, row) {
    if (this.leaving.has(row.id) || (row.archived && !this.showsArchived)) return false;
    if (tab !== "projects" && this.project && !row.projects.includes(this.project)) return false;
    const projects = (row.projects ?? []).map((id) => this.projectNames.get(id) ?? "");
    return this.searchBox.matches(row.id, [row.name, row.text, row.email ?? "", ...projects]);
  }

  #showTab(tab) {
    this.tab = tab;
    this.writeAddress({ tab });
    this.drawBar();
    this.#draw();
    this.panel.scrollIntoView({ block: "nearest" });
  }

  #showProject(id) {
    this.project = id;
    this.writeAddress({ project: id });
    this.drawBar();
    this.#draw();
  }

  /** Shows what a project has of one list. */
  showListOf(project, tab) {
    this.project = project;
    this.writeAddress({ project });
    this.#showTab(tab);
  }

  #showArchived(showsArchived) {
    this.showsArchived = showsArchived;
    this.writeAddress({ archived: showsArchived ? "1" : null });
    this.#draw();
    this.refresher.refresh();
  }

  #showAll() {
    this.#showProject(null);
    this.searchBox.clear();
    this.searchBox.input.focus();
  }

  // ---- keyboard --------------------------------------------------------------------------------

  #onTabKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const names = Object.keys(LISTS);
    this.#showTab(names[(names.indexOf(this.tab) + step + names.length) % names.length]);
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  rememberFocus() {
    const focused = focusedElement(this.root);
    const row = focused?.closest?.(".shelf > li");
    return row && { id: row.dataset.id, part: focused.dataset.part, place: [...this.list.children].indexOf(row) };
  }

  /** The focus of a row that is gone goes to the one that took its place. */
  restoreFocus(focus) {
    if (!focus) return;
    const { id, part, place } = focus;
    const nearest = this.list.children[Math.min(place, this.list.childElementCount - 1)];
    const row = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`) ?? nearest;
    if (row?.contains(focusedElement(this.root))) return;
    const same = part && row?.dataset.id === id && row.querySelector(`[data-part="${CSS.escape(part)}"]`);
    (same || row?.querySelector("h3 button") || this.add).focus({ preventScroll: true });
  }

  // ---- archiving and deleting ------------------------------------------------------------------

  archive(kind, row) {
    const enabled = kind === "project" ? row.counts.enabled_recurring_tasks : 0;
    const act = () => this.#archive(kind, row);
    if (!enabled) return act();
    const [are, them] = enabled === 1 ? ["task is", "it"] : ["tasks are", "them"];
    const consequence = `” will be archived. Its ${enabled} enabled recurring ${are} disabled until somebody enables ${them} again.`;
    const question = ["“", row.name, consequence];
    return this.confirm({ label: "Archive project", question, action: "Archive", iconName: "archive", act });
  }

  async #archive(kind, row) {
    const answer = await this.#remove(row, "archive", { kind, id: row.id });
    if (!answer.ok) return answer;
    const disabled = answer.value.disabled ?? [];
    const also = disabled.length ? `, and ${counted(disabled.length, "recurring task")} disabled` : "";
    const undo = { name: "Undo", act: () => this.restore(kind, row, disabled) };
    this.toast(`“${row.name}” is archived${also}.`, "green", undo);
    return answer;
  }

  /** Restores a row, and enables these recurring tasks with it. */
  async restore(kind, row, enable = []) {
    const answer = await this.attempt("restore", { kind, id: row.id, enable });
    if (answer.ok) await this.refresher.refresh();
    return answer;
  }

  deleteContact(row) {
    const question = [
      "“",
      row.name,
      "” will be deleted, and the agent will not find them any more. This cannot be undone.",
    ];
    const act = () => this.#remove(row, "delete_contact", { id: row.id });
    this.confirm({ label: "Delete contact", question, action: "Delete", iconName: "bin", act });
  }

  /** The row is gone at once, and comes back if that is refused. */
  async #remove(row, type, fields) {
    this.leaving.add(row.id);
    this.#draw();
    const answer = await this.attempt(type, fields);
    if (answer.ok) await this.refresher.refresh();
    this.leaving.delete(row.id);
    this.#draw();
    return answer;
  }

  // ---- forms -----------------------------------------------------------------------------------

  openTask(id) {
    return openForm(this, "task", id, { place: `task:${id}` });
  }

  #openRow(kind, id) {
    if (!Object.hasOwn(LISTS, `${kind}s`)) return null;
    return openForm(this, kind, id, {
      place: id ? `${kind}:${id}` : `new-${kind}`,
      onSaved: () => (id ? this.refresher.refresh() : this.#reveal(`${kind}s`)),
      action: (form) => id && this.#drawFormAction(kind, id, form),
      controls: { markdown: markdownEditor },
    });
  }

  /** What the row offers is offered in its form too. */
  #drawFormAction(kind, id, form) {
    const { fields, archived } = form.opened;
    const unlisted = { id, name: fields.name ?? fields.title, counts: { enabled_recurring_tasks: 0 } };
    const row = this.lists[`${kind}s`].find((each) => each.id === id) ?? unlisted;
    const draw = (name, iconName, act, css = "") => {
      const attributes = { class: `button left ${css}`, "data-needs": "editor", onclick: () => form.leaveFor(act) };
      return button(name, iconName, attributes);
    };
    if (kind === "contact") return draw("Delete", "bin", () => this.deleteContact(row), "danger");
    if (archived) return draw("Unarchive", "archive", () => this.restore(kind, row));
    return draw("Archive", "archive", () => this.archive(kind, row));
  }

  /** What was just made is shown, whatever was searched for. */
  #reveal(tab) {
    if (this.tab !== tab) this.#showTab(tab);
    if (this.searchBox.query) this.searchBox.clear();
    return this.refresher.refresh();
  }
}

function onListKey(event) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  const next = step && event.target.closest("li")?.[step];
  if (!next) return;
  event.preventDefault();
  next.querySelector("h3 button").focus();
}

export function render({ model, el }) {
  return new LibraryPage(model, el).root;
}
