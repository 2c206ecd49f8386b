// The library: projects, contacts and documents as three lists, and the forms in which they are written. The agent
// reads what stands here. Every wish goes to the server as one message; the lists are asked for when they change.

const TABS = {
  projects: { one: "project", title: "Projects", mark: "folder",
    why: "A project says what work is for. In a project, the agent is told its description and sees its tasks, contacts and documents alone." },
  contacts: { one: "contact", title: "Contacts", mark: "person",
    why: "The agent reads these: whom there is to write to, and what there is to know of them. It drafts e-mails, and never sends one." },
  documents: { one: "document", title: "Documents", mark: "page",
    why: "The agent reads these before it works: briefs, rules, notes. What it writes itself comes to stand here too." },
};
const TINTS = ["#4c6ef5", "#0f9d8a", "#c2571a", "#a34cc4", "#2f8f3e", "#c9364f", "#8a7413", "#2480b8"]; // as on the board

const counted = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

// The beginning of a Markdown text as one line of words; what stands in the form is untouched.
function withoutMarks(text) {
  return text.replace(/^\s*(#{1,6}|>|[-*+])\s+/gm, "").replace(/\*\*|`+/g, "").replace(/\|[\s|:-]*/g, " ").replace(/\s+/g, " ").trim();
}

class LibraryPage extends asking(SearchPage) {
  constructor(model, el) {
    super(model, el);
    this.lists = { projects: [], contacts: [], documents: [] };
    this.mark = ""; // of the lists, as the server made it
    this.leaving = new Set(); // ids of rows whose going was asked for and is not told yet
    this.drawn = new Map(); // id -> { key: what it shows, element }
    this.tab = TABS[this.inAddress("tab")] ? this.inAddress("tab") : "projects";
    this.project = this.inAddress("project");
    this.archived = this.inAddress("archived") === "1";
    this.root.append(this.drawMain(), this.dialogs, this.toasts);
    this.showHeader(this.first.header);
    this.draw();
    this.opened();
  }

  async opened() {
    await super.opened();
    this.draw();
    if (this.query) this.find();
    this.takeUp(this.inAddress("open"));
  }

  // Opens again what was open when the page was left, with what was typed.
  async takeUp(place) {
    const draft = this.takeDraft();
    if (!place) return;
    const [kind, id] = place.split(":");
    const form = kind === "execution" ? await this.openExecution(id) : await this.openRow(kind.replace(/^new-/, ""), id ?? null);
    if (form && draft && draft.place === place) form.takeUp(draft);
    if (!this.open.length) this.remember({ open: null });
  }

  // What a running execution says is told to boards alone; its dialog shows here what has become of it.
  drawDoing() { return null; }

  openRow(kind, id) {
    if (kind === "project") return this.projectForm(id);
    if (kind === "contact") return this.contactForm(id);
    if (kind === "document") return this.documentForm(id);
    if (kind === "task" && id) return this.openTask(id);
    return null;
  }

  // ---- what the server tells -------------------------------------------------------------------

  get calm() { return 400; }

  async look() {
    const answer = await this.ask("library", { archived: this.archived, known: this.mark });
    if (answer.ok && answer.value.projects) this.take(answer.value);
    return answer.ok;
  }

  take({ mark, projects, contacts, documents }) {
    this.mark = mark;
    this.lists = { projects, contacts, documents };
    this.setProjects(projects.filter((each) => !each.archived));
    this.draw();
    for (const rows of Object.values(this.lists)) for (const row of rows) this.rowIsAt(row.id, row.version);
    if (this.query) this.findSoon();
  }

  setProjects(projects) {
    const known = JSON.stringify(this.projects.map((each) => [each.id, each.name]));
    this.projects = projects;
    this.projectNames = new Map(projects.map((each) => [each.id, each.name]));
    if (this.project && !this.projectNames.has(this.project)) this.showProject(null);
    if (known !== JSON.stringify(projects.map((each) => [each.id, each.name]))) this.drawBar();
  }

  // ---- what is shown of it ---------------------------------------------------------------------

  extras() {
    const pick = h("select", { class: "button", "aria-label": "Project filter", onchange: () => this.showProject(pick.value || null) },
      h("option", { value: "" }, "All projects"),
      this.projects.map((each) => h("option", { value: each.id, selected: each.id === this.project }, each.name)));
    return [this.tab !== "projects" && h("span", { class: "pick project" }, pick), this.drawSearch()].filter(Boolean);
  }

  drawMain() {
    this.tabs = h("div", { role: "tablist", class: "tabs", "aria-label": "Library", onkeydown: (event) => this.onTabKey(event) },
      Object.entries(TABS).map(([tab, { title, mark }]) => h("button", { type: "button", role: "tab", id: `wsq-tab-${tab}`, "aria-controls": "wsq-shelf", "data-tab": tab, onclick: () => this.showTab(tab) },
        icon(mark), title, h("span", { class: "count" }))));
    const old = h("input", { type: "checkbox", checked: this.archived, onchange: () => this.showArchived(old.checked) });
    this.oldOnes = h("label", { class: "old" }, old, "Show archived");
    this.add = button("", "plus", { class: "button primary", "data-needs": "editor", onclick: () => this.openRow(TABS[this.tab].one, null) });
    this.list = h("ul", { class: "shelf", onkeydown: (event) => this.onListKey(event) });
    this.empty = h("div", { class: "empty" });
    this.panel = h("div", { role: "tabpanel", id: "wsq-shelf", tabindex: "-1" }, this.list, this.empty);
    return h("main", { class: "library", "aria-label": "Library" },
      h("div", { class: "shelves" }, h("div", { class: "over-shelf" }, this.tabs, h("span", { class: "gap" }), this.oldOnes, this.add), this.panel));
  }

  draw() {
    const kept = this.rememberFocus();
    const { one, title } = TABS[this.tab];
    for (const tab of this.tabs.children) {
      const here = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      setText(tab.lastElementChild, this.mark || !this.looking ? String(this.shown(tab.dataset.tab).length) : "");
    }
    this.panel.setAttribute("aria-labelledby", `wsq-tab-${this.tab}`);
    this.list.setAttribute("aria-label", title);
    this.add.lastChild.nodeName === "#text" ? setText(this.add.lastChild, `New ${one}`) : this.add.append(`New ${one}`);
    this.oldOnes.hidden = this.tab === "contacts";
    const rows = this.shown(this.tab);
    this.arrange(rows.map((row) => this.element(row)));
    this.drawEmpty(rows.length);
    this.restoreFocus(kept);
  }

  // Touches what has changed alone, so that nobody loses their place in a long list.
  arrange(elements) {
    const wanted = new Set(elements);
    for (const each of [...this.list.children]) if (!wanted.has(each)) each.remove();
    elements.forEach((each, at) => { if (this.list.children[at] !== each) this.list.insertBefore(each, this.list.children[at] ?? null); });
    this.list.hidden = !elements.length;
  }

  element(row) {
    const key = JSON.stringify([this.tab, row, (row.projects ?? []).map((id) => this.hue(id))]);
    if (this.drawn.get(row.id)?.key !== key) this.drawn.set(row.id, { key, element: this.drawRow(row) });
    return this.drawn.get(row.id).element;
  }

  drawEmpty(shown) {
    const sifted = this.query || (this.project && this.tab !== "projects");
    const { one, title, why, mark } = TABS[this.tab];
    this.empty.hidden = shown > 0 || this.root.classList.contains("loading");
    this.empty.replaceChildren(...(sifted
      ? [h("p", null, "Nothing here matches what is looked for."), button("Show all", null, { onclick: () => this.showAll() })]
      : [icon(mark), h("h2", null, `No ${title.toLowerCase()} yet`), h("p", null, why), button(`Make the first ${one}`, "plus", { class: "button primary", "data-needs": "editor", onclick: () => this.openRow(one, null) })]));
  }

  shown(tab) { return this.lists[tab].filter((row) => this.matches(tab, row)); }

  matches(tab, row) {
    if (this.leaving.has(row.id) || (row.archived && !this.archived)) return false;
    if (tab !== "projects" && this.project && !row.projects.includes(this.project)) return false;
    return this.holds(row.id, [row.name, row.text, row.email ?? "", ...(row.projects ?? []).map((id) => this.projectNames.get(id) ?? "")]);
  }

  sift() { this.draw(); }

  showTab(tab) {
    this.tab = tab;
    this.remember({ tab });
    this.drawBar();
    this.draw();
    this.panel.scrollIntoView({ block: "nearest" });
  }

  showProject(id) {
    this.project = id;
    this.remember({ project: id });
    this.drawBar();
    this.draw();
  }

  showArchived(archived) {
    this.archived = archived;
    this.remember({ archived: archived ? "1" : null });
    this.draw();
    this.refresh();
  }

  showAll() {
    this.searchBox.value = "";
    this.showProject(null);
    this.search("");
    this.searchBox.focus();
  }

  // Whatever is made anew must be seen, also where something else was looked for.
  reveal(tab) {
    if (this.tab !== tab) this.showTab(tab);
    if (this.query) { this.searchBox.value = ""; this.search(""); }
    return this.refresh();
  }

  // ---- keyboard --------------------------------------------------------------------------------

  onTabKey(event) {
    const names = Object.keys(TABS), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.showTab(names[(names.indexOf(this.tab) + step + names.length) % names.length]);
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  onListKey(event) {
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    const next = step && event.target.closest("li")?.[step];
    if (!next) return;
    event.preventDefault();
    next.querySelector("h3 button").focus();
  }

  rememberFocus() {
    const focused = this.root.getRootNode().activeElement;
    const row = focused?.closest?.(".shelf > li");
    return row ? { id: row.dataset.id, part: focused.dataset.part, at: [...this.list.children].indexOf(row) } : null;
  }

  // A row that is gone leaves the focus to the one that took its place.
  restoreFocus(kept) {
    if (!kept) return;
    const row = this.list.querySelector(`[data-id="${CSS.escape(kept.id)}"]`) ?? this.list.children[Math.min(kept.at, this.list.childElementCount - 1)];
    if (row?.contains(this.root.getRootNode().activeElement)) return;
    const part = kept.part && row?.dataset.id === kept.id && row.querySelector(`[data-part="${CSS.escape(kept.part)}"]`);
    (part || row?.querySelector("h3 button") || this.add).focus({ preventScroll: true });
  }

  // ---- rows ------------------------------------------------------------------------------------

  drawRow(row) {
    const { one, mark } = TABS[this.tab];
    const open = () => this.openRow(one, row.id);
    const text = row.text.trim();
    const shown = one === "document" ? withoutMarks(text) : text;
    return h("li", { "aria-label": row.name, "data-id": row.id, class: row.archived ? "off" : null, onclick: (event) => { if (!event.target.closest("button, a") && getSelection().isCollapsed) open(); } },
      icon(mark),
      h("div", { class: "what" },
        h("div", { class: "named" }, h("h3", null, h("button", { type: "button", "data-part": "open", onclick: open }, row.name)), this.badges(row)),
        shown ? h("p", { class: "about" }, shown) : null,
        h("div", { class: "facts" }, this[`${one}Facts`](row))),
      h("div", { class: "deeds" }, this.deeds(one, row)));
  }

  badges(row) {
    return [
      row.archived && h("span", { class: "badge" }, icon("archive"), "Archived"),
      row.draft && h("span", { class: "badge cancelled" }, icon("mail"), "Draft of an e-mail"),
      row.by_agent && h("span", { class: "badge agent", title: "An execution of a recurring task made this" }, icon("agent"), "Made by an agent"),
    ];
  }

  projectFacts({ id, counts }) {
    const to = (tab, words) => h("button", { type: "button", class: "linklike", "data-part": tab, onclick: () => { this.project = id; this.remember({ project: id }); this.showTab(tab); } }, words);
    const board = (words) => h("a", { href: this.address("board", this.opening.store, id), "data-part": words }, words);
    const { open_tasks: tasks, recurring_tasks: recurring, contacts, documents } = counts;
    return [
      tasks ? board(counted(tasks, "open task")) : h("span", null, "No open tasks"),
      recurring > 0 && board(counted(recurring, "recurring task")),
      contacts > 0 && to("contacts", counted(contacts, "contact")),
      documents > 0 && to("documents", counted(documents, "document")),
    ];
  }

  contactFacts({ email, projects }) {
    return [email ? h("span", { class: "address" }, icon("mail"), email) : h("span", null, "No e-mail address"), projects.map((id) => this.projectChip(id))];
  }

  documentFacts({ length, changed, projects }) {
    return [h("span", null, length ? counted(length, "character") : "Empty"), h("span", null, "Changed ", this.since(changed)), projects.map((id) => this.projectChip(id))];
  }

  hue(id) { return [this.projects.findIndex((each) => each.id === id), this.projectNames.get(id)]; }

  projectChip(id) {
    const [place, name = "Archived project"] = this.hue(id);
    const chip = h("span", { class: "chip", title: `Project: ${name}` }, h("span", null, name));
    chip.style.setProperty("--hue", TINTS[Math.max(0, place) % TINTS.length]);
    return chip;
  }

  deeds(one, row) {
    const deed = (name, mark, act, danger = false) => button("", mark, { class: `button quiet ${danger ? "danger" : ""}`, "aria-label": name, title: name, "data-part": name, "data-needs": "editor", onclick: act });
    if (one === "contact") return deed("Delete", "bin", () => this.deleteContact(row), true);
    if (row.archived) return button("Unarchive", null, { "data-part": "Unarchive", "data-needs": "editor", onclick: () => this.restore(one, row) });
    return deed("Archive", "archive", () => this.archive(one, row));
  }

  // ---- put away, and taken out again -----------------------------------------------------------

  archive(one, row) {
    const running = one === "project" ? row.counts.enabled_recurring_tasks : 0;
    if (!running) return this.putAway(one, row);
    const they = running === 1 ? "Its 1 enabled recurring task is" : `Its ${running} enabled recurring tasks are`;
    return this.confirm("Archive project", ["“", row.name, `” is put away. ${they} disabled by that: the agent does not carry ${running === 1 ? "it" : "them"} out until somebody enables ${running === 1 ? "it" : "them"} again.`],
      "Archive", "archive", () => this.putAway(one, row));
  }

  async putAway(one, row) {
    const answer = await this.without(row, "archive", { kind: one, id: row.id });
    if (!answer.ok) return answer;
    const off = answer.value.disabled ?? [];
    this.toast(`“${row.name}” is archived${off.length ? `, and ${counted(off.length, "recurring task")} disabled` : ""}.`, "",
      { name: "Undo", act: () => this.restore(one, row, off) });
    return answer;
  }

  async restore(one, row, enable = []) {
    const answer = await this.attempt("restore", { kind: one, id: row.id, enable });
    if (answer.ok) await this.refresh();
    return answer;
  }

  deleteContact(row) {
    this.confirm("Delete contact", ["“", row.name, "” is struck from the list, and the agent does not find them any more. This cannot be undone."],
      "Delete", "bin", () => this.without(row, "delete_contact", { id: row.id }));
  }

  // It is gone at once, and comes back when that was refused.
  async without(row, kind, fields) {
    this.leaving.add(row.id);
    this.draw();
    const answer = await this.attempt(kind, fields);
    if (answer.ok) await this.refresh();
    this.leaving.delete(row.id);
    this.draw();
    return answer;
  }

  // ---- forms -----------------------------------------------------------------------------------

  openPlain(kind, id, options) {
    const tab = `${kind}s`, { one } = TABS[tab];
    return this.openForm(kind, id, {
      label: id ? `${one[0].toUpperCase()}${one.slice(1)}` : `New ${one}`,
      submit: id ? "Save" : "Create",
      place: id ? `${kind}:${id}` : `new-${kind}`,
      saved: () => (id ? this.refresh() : this.reveal(tab)),
      left: (form) => id && this.formDeed(kind, id, form),
      ...options,
    });
  }

  // What the row offers, offered in its form too; what was typed is not thrown away by it unasked.
  formDeed(kind, id, form) {
    const row = this.lists[`${kind}s`].find((each) => each.id === id) ?? { id, name: form.opened.fields.name ?? form.opened.fields.title, counts: { enabled_recurring_tasks: 0 } };
    const deed = (name, mark, act, danger = "") => button(name, mark, { class: `button left ${danger}`, "data-needs": "editor", onclick: () => {
      if (form.isDirty()) return form.leave();
      form.dialog.close();
      act();
    } });
    if (kind === "contact") return deed("Delete", "bin", () => this.deleteContact(row), "danger");
    if (form.opened.archived) return deed("Unarchive", "archive", () => this.restore(kind, row));
    return deed("Archive", "archive", () => this.archive(kind, row));
  }

  putAwayNote(form, what) {
    return form.opened.archived && h("p", { class: "trouble amber" }, `This ${what} is archived: the agent does not see it.`);
  }

  projectForm(id) {
    return this.openPlain("project", id, {
      body: (form) => [
        this.putAwayNote(form, "project"),
        form.text("name", "Name", { maxlength: "1000" }),
        form.text("description", "Description", { rows: "8", hint: "What it is for. The agent is told this in everything that it does for the project." }),
      ],
    });
  }

  contactForm(id) {
    return this.openPlain("contact", id, {
      body: (form) => [
        this.inProject(form),
        h("div", { class: "row" }, form.text("name", "Name", { maxlength: "1000" }), form.text("email", "E-mail", { inputmode: "email", spellcheck: "false", maxlength: "1000" })),
        form.text("notes", "Notes", { rows: "6", hint: "What there is to know of them; the agent reads this." }),
        form.projects("project_ids", "Projects", "In a project, the agent sees its contacts alone."),
      ],
    });
  }

  // What is made while one project alone is shown belongs to it.
  inProject(form) {
    if (!form.id && this.project) form.opened.fields.project_ids = [this.project];
  }

  documentForm(id) {
    const mail = h("a", { class: "button", hidden: true }, icon("mail"), "Open in mail program");
    return this.openPlain("document", id, {
      cssClass: "document-form",
      pause: (form) => 150 + Math.min(1500, form.controls.get("content").element.textLength / 500), // judging it means sending it
      head: () => [mail],
      body: (form) => [
        this.putAwayNote(form, "document"),
        this.inProject(form),
        form.text("title", "Title", { maxlength: "1000" }),
        documentEditor(this, form),
        form.projects("project_ids", "Projects", "In a project, the agent sees its documents alone."),
        form.opened.execution && h("p", { class: "facts" }, h("span", { class: "badge agent" }, icon("agent"), "Made by an agent"),
          h("button", { type: "button", class: "linklike", onclick: () => this.openExecution(form.opened.execution) }, "Show the execution")),
      ],
      remarks: ({ mailto }) => {
        mail.hidden = !mailto;
        if (mailto) mail.href = mailto;
        else mail.removeAttribute("href");
      },
    });
  }
}

// A text in Markdown and how it will look: side by side where there is room, else one at a time.
function documentEditor(page, form) {
  const text = h("textarea", { class: "field code", rows: "18", spellcheck: "false" });
  const preview = h("div", { class: "md preview", role: "region", "aria-label": "Preview", tabindex: "0", id: `wsq-${++page.number}-preview` });
  const show = previewer(page, text, preview, () => sideBySide.matches || editor.dataset.shows === "preview", form.opened.about.previewed);
  const box = form.control("content", "Text", text, { set: (value) => { text.value = value ?? ""; show(0); }, hint: "Markdown; the agent reads it as it is written here." });
  const tab = (name, to, of) => h("button", { type: "button", role: "tab", "aria-controls": of.id, "data-shows": to, onclick: () => turn(to) }, name);
  const tabs = h("div", { role: "tablist", class: "tabs", "aria-label": "Write or preview", onkeydown: (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    turn(editor.dataset.shows === "write" ? "preview" : "write");
    tabs.querySelector("[aria-selected=true]").focus();
  } }, tab("Write", "write", text), tab("Preview", "preview", preview));
  const editor = h("div", { class: "editor" }, tabs, box, h("div", { class: "previewed" }, h("span", { class: "label", "aria-hidden": "true" }, "Preview"), preview));
  const sideBySide = matchMedia("(min-width: 1100px)");
  const turn = (to) => {
    editor.dataset.shows = to;
    for (const each of tabs.children) {
      each.setAttribute("aria-selected", String(each.dataset.shows === to));
      each.tabIndex = each.dataset.shows === to ? 0 : -1;
    }
    show(0);
  };
  sideBySide.addEventListener("change", () => show(0), { signal: form.ending.signal });
  text.addEventListener("input", () => show(250));
  turn("write");
  return editor;
}

// Returns show(ms): the preview is drawn that long after the last wish for it, one at a time, while it is to be seen.
function previewer(page, text, preview, seen, limit) {
  let timer = null, asking = false, drawn = null;
  const draw = async () => {
    if (asking || !seen()) return;
    const said = beginning(text.value, limit);
    if (said === drawn) return;
    asking = true;
    const answer = await page.ask("preview", { text: said });
    asking = false;
    drawn = said;
    if (!text.isConnected) return;
    if (!answer.ok) preview.replaceChildren(h("p", { class: "hint" }, answer.error));
    else if (!said.trim()) preview.replaceChildren(h("p", { class: "hint" }, "Nothing is written yet."));
    else preview.replaceChildren(drawMarkdown(answer.value.tree), said.length < text.textLength ? h("p", null, h("em", null, `Cut here: the preview shows the first ${[...said].length.toLocaleString()} characters.`)) : "");
    draw(); // for what was typed while it was asked
  };
  return (pause) => { clearTimeout(timer); timer = setTimeout(draw, pause); };
}

// As much of a text as is drawn, up to the end of a line where one is near, and between characters.
function beginning(text, limit) {
  if (text.length <= limit) return text;
  const line = text.lastIndexOf("\n", limit - 1) + 1;
  const end = line > limit - 1000 ? line : limit;
  return text.slice(0, /[\ud800-\udbff]/.test(text[end - 1]) ? end - 1 : end);
}

export function render({ model, el }) {
  return new LibraryPage(model, el).root;
}
