// The board: lanes of cards, kept by patches; dialogs over it. Every wish goes to the server as one message.

const LANES = [["recurring", "Recurring"], ["todo", "To do"], ["doing", "Doing"], ["in_review", "In review"], ["done", "Done"]];
const EMPTY = {
  recurring: "No recurring task yet. Describe a task once, and an agent carries it out on schedule.",
  todo: "Nothing to do.", doing: "Nothing in progress.", in_review: "Nothing to review.", done: "Nothing done yet.",
};
const PLACEHOLDERS = ["project", "scheduled_time", "last_outcome", "today"];
const HUES = ["#4c6ef5", "#0f9d8a", "#c2571a", "#a34cc4", "#2f8f3e", "#c9364f", "#8a7413", "#2480b8"];

// The names in double braces that nothing fills in, each once: the rule of wsq.rules.placeholders.
function unknownPlaceholders(prompt) {
  const names = [...prompt.matchAll(/\{\{[ \t]*([^{}\n]{1,100}?)[ \t]*\}\}/g)].map((found) => found[1]);
  return [...new Set(names)].filter((name) => !PLACEHOLDERS.includes(name));
}

// Whether a card stands after another of its lane; recurring tasks stand newest first.
function follows(card, other) {
  if (card.rank === other.rank) return card.id > other.id;
  return (card.rank > other.rank) === (card.lane !== "recurring");
}

class BoardPage extends Frame {
  constructor(model, el) {
    super(model, el);
    this.cards = new Map(); // id -> { card, element }
    this.lanes = new Map(); // lane -> { section, list, count, empty }
    this.doing = new Map(); // id of a running execution -> what it does now, as far as it is told
    this.pending = new Set(); // ids of recurring tasks whose start was asked for and not answered yet
    this.project = this.opening.project;
    this.projects = this.first.projects;
    this.board = h("main", { class: "lanes", "aria-label": "Board" }, LANES.map(([lane, name]) => this.drawLane(lane, name)));
    this.dialogs = h("div");
    this.root.append(this.board, this.dialogs, this.toasts);
    this.showHeader(this.first.header);
    this.replaceAll(this.first);
    this.opened();
  }

  // What came with the page may be old by now; on a served page it is nothing yet.
  async opened() {
    const empty = this.first.type === "opening";
    const ask = () => (empty ? this.attempt("hello", { rev: this.rev }) : this.ask("hello", { rev: this.rev }));
    this.root.classList.toggle("loading", empty);
    for (let asked = 1; !(await ask()).ok && empty && this.alive; asked += 1) {
      await new Promise((go) => setTimeout(go, Math.min(30000, 1000 * 2 ** asked)));
    }
    this.root.classList.remove("loading");
  }

  // ---- what the server tells -------------------------------------------------------------------

  told(message) {
    if (message.type === "snapshot") {
      this.ahead = Date.parse(message.now) - Date.now();
      this.showHeader(message.header);
      this.replaceAll(message);
    } else if (message.type === "patch" && message.rev > this.rev) {
      if (message.from !== this.rev) this.catchUp();
      else this.patch(message);
    } else if (message.type === "doing") {
      this.hearDoing(message.doing);
    }
  }

  async catchUp() {
    if (this.catchingUp) return;
    this.catchingUp = true;
    await this.ask("hello", { rev: this.rev });
    this.catchingUp = false;
  }

  hearDoing(news) {
    for (const [id, doing] of Object.entries(news)) {
      if (doing) this.doing.set(id, doing);
      else this.doing.delete(id);
      for (const shown of this.root.querySelectorAll(`[data-doing="${CSS.escape(id)}"]`)) this.showDoing(shown);
    }
  }

  // What a running execution says and calls while it does; never the record.
  drawDoing(id) {
    const shown = h("p", { class: "output doing", "data-doing": id, "aria-label": "What it does now" });
    this.showDoing(shown);
    return shown;
  }

  showDoing(shown) {
    const doing = this.doing.get(shown.dataset.doing);
    shown.hidden = !doing || !(doing.text || doing.tool);
    if (shown.hidden) return;
    const words = doing.text.trim();
    shown.replaceChildren(h("span", null, words), doing.tool ? h("em", null, `${words ? "\n" : ""}Calling ${doing.tool} …`) : "");
    shown.scrollTop = shown.scrollHeight;
  }

  replaceAll({ rev, cards, projects, doing, spent }) {
    this.showSpent(spent);
    this.doing = new Map(Object.entries(doing ?? {}));
    const here = new Set(cards.map((card) => card.id));
    this.setProjects(projects);
    for (const id of [...this.cards.keys()]) if (!here.has(id)) this.drop(id);
    for (const card of cards) this.put(card);
    this.rev = rev;
    this.count();
  }

  patch({ rev, cards, gone, projects, spent }) {
    const kept = this.rememberFocus();
    this.showSpent(spent);
    if (projects) this.setProjects(projects);
    for (const id of gone) this.drop(id);
    for (const card of cards) this.put(this.whole(card), true);
    this.rev = rev;
    this.count();
    this.restoreFocus(kept);
  }

  // Of a card that is known a patch tells what has changed alone, and of its runs those that are not known by their id.
  whole(news) {
    const known = this.cards.get(news.id)?.card;
    if (!known) return news;
    const runs = news.runs?.map((run) => (typeof run === "string" ? known.runs.find((each) => each.id === run) : run));
    return { ...known, ...news, ...(runs && { runs }) };
  }

  // What the day has cost so far in all, beside the lane of what costs it.
  showSpent(spent) {
    const shown = this.drawSpent(spent, "What all recurring tasks of this store have cost today, of what they may");
    this.storeSpent.replaceChildren(shown ?? "");
  }

  drawSpent(spent, title) {
    if (!spent) return null;
    const word = { warning: " – four fifths are spent", used_up: " – nothing more starts today" }[spent.state] ?? "";
    return h("span", { class: `spent ${spent.state}`, title: title + word }, spent.text);
  }

  setProjects(projects) {
    const renamed = JSON.stringify(projects) !== JSON.stringify(this.projects);
    this.projects = projects;
    this.projectNames = new Map(projects.map((project) => [project.id, project.name]));
    if (renamed) for (const id of this.cards.keys()) this.redraw(id);
    if (this.header) this.drawBar();
  }

  // Touches the changed card alone: with hundreds of them, laying a lane out anew is what costs.
  put(card, fresh = false) {
    const known = this.cards.get(card.id);
    if (known && known.card.rev >= card.rev) return;
    const element = this.draw(card);
    if (fresh && !known) element.classList.add("fresh");
    this.cards.set(card.id, { card, element });
    if (known && known.card.lane === card.lane && known.card.rank === card.rank) known.element.replaceWith(element);
    else {
      known?.element.remove();
      this.place(card, element);
    }
  }

  place(card, element) {
    const { list } = this.lanes.get(card.lane);
    let before = list.lastElementChild;
    while (before && !follows(card, this.cards.get(before.dataset.id).card)) before = before.previousElementSibling;
    if (before) before.after(element);
    else list.prepend(element);
  }

  draw(card) {
    const element = card.kind === "recurring" ? this.drawRecurring(card) : this.drawTask(card);
    element.hidden = Boolean(this.project) && card.project !== this.project;
    return element;
  }

  drop(id) {
    this.cards.get(id)?.element.remove();
    this.cards.delete(id);
  }

  redraw(id) {
    const known = this.cards.get(id);
    if (!known) return;
    const kept = this.rememberFocus();
    const element = this.draw(known.card);
    known.element.replaceWith(element);
    known.element = element;
    this.restoreFocus(kept);
  }

  inLane(lane) {
    return [...this.lanes.get(lane).list.children].map((element) => this.cards.get(element.dataset.id).card);
  }

  count() {
    for (const { list, count, empty } of this.lanes.values()) {
      let shown = 0;
      for (const element of list.children) if (!element.hidden) shown += 1;
      setText(count, String(shown));
      empty.hidden = shown > 0;
    }
  }

  // A redrawn card takes the focus along that its predecessor had.
  rememberFocus() {
    const focused = this.root.getRootNode().activeElement;
    const card = focused?.closest?.(".card");
    return card ? { id: card.dataset.id, part: focused === card ? null : focused.dataset.part } : null;
  }

  restoreFocus(kept) {
    const card = kept && this.cards.get(kept.id)?.element;
    if (!card || card.contains(this.root.getRootNode().activeElement)) return;
    const part = kept.part && card.querySelector(`[data-part="${CSS.escape(kept.part)}"]`);
    (part && !part.disabled ? part : card).focus({ preventScroll: true });
  }

  // ---- lanes -----------------------------------------------------------------------------------

  extras() {
    const pick = h("select", { class: "button", "aria-label": "Project filter", onchange: () => this.showProject(pick.value || null) },
      h("option", { value: "" }, "All projects"),
      (this.projects || []).map((project) => h("option", { value: project.id, selected: project.id === this.project }, project.name)));
    return [h("span", { class: "pick project" }, pick)];
  }

  showProject(id) {
    this.project = id;
    if (this.opening.page) history.replaceState(null, "", this.address(location.pathname, this.opening.store, id));
    for (const { card, element } of this.cards.values()) element.hidden = Boolean(id) && card.project !== id;
    this.count();
  }

  drawLane(lane, name) {
    const list = h("div", { class: "cards" });
    const count = h("span", { class: "count" }, "0");
    const recurring = lane === "recurring";
    const empty = h("div", { class: "empty" }, EMPTY[lane]);
    if (recurring) this.storeSpent = h("span", { class: "lane-spent" });
    const head = h("header", null, recurring ? icon("again") : h("span", { class: "dot" }), h("h2", null, name), count,
      recurring && this.storeSpent, recurring && button("New recurring task", "plus", { onclick: () => this.recurringForm(null) }));
    const section = h("section", { class: "lane", "aria-label": name, "data-lane": lane }, head, lane === "todo" && this.drawAdd(), empty, list);
    if (!recurring) this.acceptDrops(section, lane);
    this.lanes.set(lane, { section, list, count, empty });
    return section;
  }

  drawAdd() {
    const title = h("input", { class: "field", "aria-label": "New task", placeholder: "New task", maxlength: "1000", autocomplete: "off" });
    const add = h("button", { class: "button", type: "submit", "aria-label": "Add task" }, icon("plus"), "Add");
    return h("form", { class: "add", onsubmit: async (event) => {
      event.preventDefault();
      if (add.disabled) return;
      add.disabled = true;
      const answer = await this.attempt("create_task", { title: title.value, lane: "todo", project: this.project });
      add.disabled = false;
      if (answer.ok) title.value = "";
      title.focus();
    } }, title, add);
  }

  // ---- cards -----------------------------------------------------------------------------------

  frameCard(card, ...children) {
    return h("article", { class: `card ${card.kind}`, "aria-label": card.title, tabindex: "0", "data-id": card.id, onkeydown: (event) => this.onKey(event, card) }, ...children);
  }

  chip(project) {
    const name = project && (this.projectNames.get(project) ?? "Archived project");
    if (!name) return null;
    const chip = h("span", { class: "chip", title: `Project: ${name}` }, h("span", null, name));
    const place = this.projects.findIndex((each) => each.id === project);
    chip.style.setProperty("--hue", HUES[Math.max(0, place) % HUES.length]);
    return chip;
  }

  people(names) {
    return names.map((name) => h("span", { class: "person", title: `Assigned to ${name}` },
      h("i", { "aria-hidden": "true" }, [...name.trim()].slice(0, 1).join("").toUpperCase()), name));
  }

  drawTask(card) {
    const move = h("select", { class: "move", "aria-label": "Move to", "data-part": "move", onchange: () => {
      const lane = move.value;
      move.selectedIndex = 0;
      if (lane) this.moveTo(card, lane, null);
    } }, h("option", { value: "" }, "Move to"), LANES.slice(1).filter(([lane]) => lane !== card.lane).map(([lane, name]) => h("option", { value: lane }, name)));
    const element = this.frameCard(card,
      h("div", { class: "head" },
        h("h3", null, h("button", { type: "button", "data-part": "open", onclick: () => this.openTask(card.id) }, card.title)),
        h("span", { class: "move", title: "Move to" }, icon("move"), move)),
      card.about && h("p", { class: "about" }, card.about),
      h("div", { class: "facts" }, this.chip(card.project), this.people(card.assignees),
        card.by_agent && h("span", { class: "badge agent", title: "An execution of a recurring task made this" }, icon("agent"), "Made by an agent")));
    element.draggable = true;
    element.addEventListener("dragstart", (event) => {
      this.dragged = card.id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", card.title);
      requestAnimationFrame(() => element.classList.add("dragged"));
    });
    element.addEventListener("dragend", () => this.endDrag());
    return element;
  }

  drawRecurring(card) {
    const busy = Boolean(card.running) || this.pending.has(card.id);
    const run = h("button", { type: "button", class: `button ${card.enabled ? "run-now" : ""}`, "data-part": "run", disabled: busy, "aria-busy": busy ? "true" : null, onclick: () => this.runNow(card) },
      busy ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon("play"), "Run now");
    const last = card.runs.find((each) => each.status !== "running");
    const element = this.frameCard(card,
      h("div", { class: "head" }, h("h3", null, card.title),
        !card.enabled && h("span", { class: "badge" }, "Disabled"),
        busy && badge("running", "Running")),
      card.about && h("p", { class: "about" }, card.about),
      h("div", { class: "facts" }, h("span", null, icon("again"), card.every),
        card.enabled && card.next && h("span", { title: "Next slot" }, icon("clock"), "Next ", this.countdown(card.next)),
        this.drawSpent(card.spent, "What it has cost today, of what it may"),
        this.chip(card.project), this.people(card.assignees)),
      card.disabled_reason && h("p", { class: "trouble amber" }, card.disabled_reason),
      card.failures > 1 && h("p", { class: "never" }, `Failed ${card.failures} times in a row.`),
      card.runs.length ? h("ol", { class: "runs", "aria-label": "Last executions" }, card.runs.map((each) => h("li", null, this.drawRun(each)))) : h("p", { class: "never" }, "It has not run yet."),
      last && last.status === "failed" && last.reason && h("p", { class: "trouble" }, last.reason),
      last && last.loud && h("p", { class: "trouble amber" }, last.reason),
      card.running && this.drawDoing(card.running),
      card.output && !card.running && h("p", { class: "output clamped", title: "The last output" }, card.output.replace(/\n\s*\n/g, "\n")),
      h("div", { class: "actions" }, run,
        button("Edit", "edit", { "data-part": "edit", onclick: () => this.editRecurring(card) }),
        button(card.enabled ? "Disable" : "Enable", "power", { "data-part": "power", onclick: (event) => this.whileBusy(event.currentTarget, card.enabled ? "disable" : "enable", { id: card.id }) }),
        button("Delete", "bin", { class: "button danger quiet", "data-part": "delete", onclick: () => this.confirmDelete(card) })));
    element.classList.toggle("off", !card.enabled);
    return element;
  }

  drawRun(run) {
    const what = [];
    if (run.verdict) what.push(h("span", { class: run.could_not ? "could-not" : null }, run.verdict));
    if (run.status === "failed" || run.status === "skipped") what.push(run.reason);
    if (run.tasks) what.push(`${run.tasks} ${run.tasks === 1 ? "task" : "tasks"}`);
    if (run.slots > 1) what.push(`${run.slots} slots`);
    if (run.status === "running") what.push(h("span", { "data-since": Date.parse(run.at) }, duration(Math.max(0, Math.floor((this.now() - Date.parse(run.at)) / 1000)))));
    else if (run.seconds !== null && run.status !== "skipped") what.push(duration(run.seconds));
    const shown = what.flatMap((part, index) => (index ? [" · ", part] : [part]));
    return h("button", { type: "button", class: "run", "data-part": `run-${run.id}`, onclick: () => this.openExecution(run.id) },
      badge(run.status, run.word), h("span", null, run.trigger), h("span", { class: "what" }, shown), this.since(run.at));
  }

  async whileBusy(pressed, kind, fields) {
    pressed.disabled = true;
    const answer = await this.attempt(kind, fields);
    pressed.disabled = false;
    return answer;
  }

  // Busy until the execution has ended: first by our own asking, then by what the server says of it.
  async runNow(card) {
    if (this.pending.has(card.id)) return;
    this.pending.add(card.id);
    this.redraw(card.id);
    const answer = await this.attempt("run", { id: card.id });
    const shown = () => this.cards.get(card.id)?.card.runs.some((run) => run.id === answer.value?.execution);
    for (let waited = 0; answer.ok && !shown() && waited < 20; waited += 1) await new Promise((go) => setTimeout(go, 100));
    this.pending.delete(card.id);
    this.redraw(card.id);
  }

  // ---- moving ----------------------------------------------------------------------------------

  async moveTo(card, lane, position) {
    const known = this.cards.get(card.id);
    known?.element.classList.add("waiting");
    await this.attempt("move_task", { id: card.id, lane, position });
    this.cards.get(card.id)?.element.classList.remove("waiting");
  }

  acceptDrops(section, lane) {
    const spot = (event) => this.inLane(lane).filter((card) => card.id !== this.dragged)
      .map((card) => this.cards.get(card.id)).find(({ element }) => {
        if (element.hidden) return false;
        const box = element.getBoundingClientRect();
        return event.clientY < box.top + box.height / 2;
      });
    section.addEventListener("dragover", (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      this.clearMarks();
      section.classList.add("over");
      spot(event)?.element.classList.add("before");
    });
    section.addEventListener("dragleave", (event) => {
      if (!section.contains(event.relatedTarget)) this.clearMarks();
    });
    section.addEventListener("drop", (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      const card = this.cards.get(this.dragged)?.card;
      const before = spot(event)?.card;
      const others = this.inLane(lane).filter((each) => each.id !== this.dragged);
      const position = before ? others.indexOf(before) : null;
      this.endDrag();
      if (card && !(card.lane === lane && this.placeOf(card) === (position ?? others.length))) this.moveTo(card, lane, position);
    });
  }

  placeOf(card) { return this.inLane(card.lane).indexOf(card); }

  clearMarks() {
    for (const marked of this.board.querySelectorAll(".over, .before")) marked.classList.remove("over", "before");
  }

  endDrag() {
    this.cards.get(this.dragged)?.element.classList.remove("dragged");
    this.dragged = null;
    this.clearMarks();
  }

  // Arrows go from card to card; with Ctrl they take the card along.
  onKey(event, card) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (card.kind === "task") this.openTask(card.id);
      else this.editRecurring(card);
    } else if (step && event.ctrlKey) {
      event.preventDefault();
      if (card.kind === "task") this.carry(card, ...step);
    } else if (step && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.focusNear(card, ...step);
    }
  }

  carry(card, sideways, along) {
    const order = LANES.slice(1).map(([lane]) => lane);
    const lane = order[order.indexOf(card.lane) + sideways];
    if (!lane) return;
    const place = this.placeOf(card) + along;
    if (sideways) this.moveTo(card, lane, null);
    else if (place >= 0 && place < this.inLane(lane).length) this.moveTo(card, lane, place);
  }

  focusNear(card, sideways, along) {
    const visible = (lane) => this.inLane(lane).map((each) => this.cards.get(each.id).element).filter((element) => !element.hidden);
    const own = visible(card.lane), place = own.indexOf(this.cards.get(card.id).element);
    if (along) return own[place + along]?.focus();
    const order = LANES.map(([lane]) => lane);
    for (let at = order.indexOf(card.lane) + sideways; order[at]; at += sideways) {
      const there = visible(order[at]);
      if (there.length) return there[Math.min(place, there.length - 1)].focus();
    }
  }

  // ---- dialogs ---------------------------------------------------------------------------------

  dialog(label, cssClass, ...children) {
    const dialog = h("dialog", { "aria-label": label, class: cssClass }, ...children);
    const back = this.rememberFocus();
    dialog.addEventListener("close", () => { this.root.append(this.toasts); dialog.remove(); this.restoreFocus(back); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog && !dialog.querySelector("form")) dialog.close(); });
    this.dialogs.append(dialog);
    dialog.showModal();
    return dialog;
  }

  title(text, extra) {
    return h("div", { class: "dialog-head" }, h("h2", null, text), extra);
  }

  field(label, control, hint) {
    control.id = `wsq-${++this.number}`;
    return h("div", { class: "labelled" }, h("label", { for: control.id }, label), control, hint && h("span", { class: "hint" }, hint));
  }

  projectSelect(chosen) {
    const known = this.projectNames.has(chosen) || !chosen;
    return h("select", { class: "field" }, h("option", { value: "" }, "No project"),
      !known && h("option", { value: chosen, selected: true }, "Archived project"),
      this.projects.map((project) => h("option", { value: project.id, selected: project.id === chosen }, project.name)));
  }

  // A form in a dialog: stays open with the server's sentence until the server has accepted it.
  formDialog(label, parts, { submit, wish, left }) {
    const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    const save = h("button", { type: "submit", class: "button primary" }, submit);
    const form = h("form", { novalidate: true }, this.title(label), h("div", { class: "body" }, parts, trouble),
      h("footer", null, left, button("Cancel", null, { onclick: () => dialog.close() }), save));
    const dialog = this.dialog(label, "", form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (save.disabled) return;
      save.disabled = true;
      const { kind, fields } = wish();
      const answer = await this.ask(kind, fields);
      save.disabled = false;
      if (answer.ok) return dialog.close();
      trouble.textContent = answer.error;
      trouble.hidden = false;
      trouble.scrollIntoView({ block: "nearest" });
    });
    return dialog;
  }

  async editRecurring(card) {
    const answer = await this.attempt("open_recurring", { id: card.id });
    if (answer.ok) this.recurringForm(answer.value);
  }

  recurringForm(task) {
    const name = h("input", { class: "field", maxlength: "1000", autocomplete: "off", value: task?.name });
    const about = h("textarea", { class: "field", rows: "2" }, task?.description ?? "");
    const prompt = h("textarea", { class: "field", rows: "6" }, task?.prompt ?? "");
    const every = h("input", { class: "field", type: "number", min: "1", step: "1", inputmode: "numeric", value: task?.every ?? "1" });
    const unit = h("select", { class: "field" }, ["minutes", "hours", "days"].map((each) => h("option", { value: each, selected: each === (task?.unit ?? "days") }, each)));
    const project = this.projectSelect(task ? task.project : this.project);
    const kept = h("span", { class: "hint amber", role: "status" });
    const look = () => {
      const names = unknownPlaceholders(prompt.value).map((name) => `{{${name}}}`);
      setText(kept, names.length ? `${names.join(", ")} ${names.length > 1 ? "stay as they are" : "stays as it is"}: nothing fills ${names.length > 1 ? "them" : "it"} in.` : "");
    };
    prompt.addEventListener("input", look);
    look();
    const dialog = this.formDialog(task ? "Edit recurring task" : "New recurring task", [
      this.field("Name", name),
      this.field("Description", about, "What it is about; the agent reads it too."),
      this.field("Prompt", prompt, ["What the agent is asked to do, each time. Filled in: ", PLACEHOLDERS.map((name) => `{{${name}}}`).join(", "), "."]),
      kept,
      h("div", { class: "row" }, this.field("Every", every), this.field("Unit", unit)),
      task?.forecast && h("p", { class: "hint forecast" }, "As it is: ", task.forecast),
      this.field("Project", project, "With a project, the agent sees and changes that project alone."),
    ], {
      submit: task ? "Save" : "Create",
      wish: () => {
        const fields = { name: name.value, description: about.value, prompt: prompt.value, every: every.value, unit: unit.value, project: project.value || null };
        return task ? { kind: "update_recurring", fields: { ...fields, id: task.id, version: task.version } } : { kind: "create_recurring", fields };
      },
    });
    name.focus();
    return dialog;
  }

  async openTask(id) {
    const answer = await this.attempt("open_task", { id });
    if (!answer.ok) return;
    const task = answer.value;
    const title = h("input", { class: "field", maxlength: "1000", autocomplete: "off", value: task.title });
    const about = h("textarea", { class: "field", rows: "7" }, task.description);
    const people = h("input", { class: "field", autocomplete: "off", value: task.assignees.join(", ") });
    const project = this.projectSelect(task.project);
    const archive = !task.archived && button("Archive", "bin", { class: "button danger left", onclick: async () => {
      if ((await this.whileBusy(archive, "archive_task", { id })).ok) dialog.close();
    } });
    const origin = task.execution && h("p", { class: "facts" }, h("span", { class: "badge agent" }, icon("agent"), "Made by an agent"),
      h("button", { type: "button", class: "linklike", onclick: () => { dialog.close(); this.openExecution(task.execution); } }, "Show the execution"));
    const dialog = this.formDialog("Task", [
      this.field("Title", title), this.field("Description", about),
      this.field("Assignees", people, "Names, separated by commas."), this.field("Project", project), origin,
    ], {
      submit: "Save", left: archive,
      wish: () => ({ kind: "update_task", fields: {
        id, version: task.version, title: title.value, description: about.value, project: project.value || null,
        assignees: people.value === task.assignees.join(", ") ? task.assignees : people.value.split(",").map((each) => each.trim()).filter(Boolean),
      } }),
    });
    title.focus();
  }

  confirmDelete(card) {
    const keep = button("Cancel", null, { onclick: () => dialog.close() });
    const remove = button("Delete", "bin", { class: "button danger", onclick: async () => {
      if ((await this.whileBusy(remove, "delete", { id: card.id })).ok) dialog.close();
    } });
    const dialog = this.dialog("Delete recurring task", "small", h("div", { class: "inside" }, this.title("Delete recurring task?"),
      h("div", { class: "body" }, h("p", null, "“", card.title, "” will not run any more. What it has done stays on record; a running execution is cancelled.")),
      h("footer", null, keep, remove)));
    keep.focus();
  }

  async openExecution(id) {
    const answer = await this.attempt("open_execution", { id });
    if (!answer.ok) return;
    const inside = h("div", { class: "inside" });
    const dialog = this.dialog("Execution", "", inside);
    const show = (run) => inside.replaceChildren(...this.executionParts(run, dialog));
    show(answer.value);
    let running = answer.value.status === "running";
    while (running && dialog.open) {
      await new Promise((go) => setTimeout(go, 1000));
      if (!dialog.open) return;
      const next = await this.ask("open_execution", { id });
      if (!next.ok) return;
      if (JSON.stringify(next.value) !== JSON.stringify(answer.value)) show(next.value);
      answer.value = next.value;
      running = next.value.status === "running";
    }
  }

  executionParts(run, dialog) {
    const of = this.cards.get(run.recurring_task_id)?.card.title;
    const at = (value) => (value ? h("time", { datetime: value }, whole.format(Date.parse(value))) : null);
    const facts = [
      ["Recurring task", of], ["Trigger", run.trigger],
      ["Slot", run.slots ? h("span", null, at(run.scheduled_for), run.slots > 1 ? ` (settles ${run.slots} slots, the oldest of ${whole.format(Date.parse(run.first_slot))})` : "") : null],
      ["Started", at(run.at)], ["Ended", at(run.completed_at)], ["Took", duration(run.seconds)], ["Verdict", run.verdict], ["Reason", run.reason_word],
      ["Attempts", run.attempts > 1 ? String(run.attempts) : null], ["Taken over", run.takeovers ? `${run.takeovers} ×` : null],
      ["Model", run.model ?? (run.offline ? "Offline provider: no language model was asked" : null)],
      ["Tokens", Object.values(run.tokens).some(Boolean) ? Object.entries(run.tokens).filter(([, n]) => n).map(([name, n]) => `${n.toLocaleString()} ${name}`).join(" · ") : null],
      ["Cost", run.cost === null ? (run.tokens.output ? "Unpriced" : null) : `$${run.cost.toFixed(4)}`],
    ].filter(([, value]) => value);
    const part = (name, ...content) => h("section", { class: "part", "aria-label": name }, h("h3", null, name), ...content);
    const cancel = run.status === "running" && button("Cancel execution", "stop", { class: "button danger left", onclick: () => this.whileBusy(cancel, "cancel_execution", { id: run.id }) });
    return [
      this.title("Execution", badge(run.status, run.word)),
      h("div", { class: "body", tabindex: "0", role: "group", "aria-label": "Details" },
        run.reason && h("p", { class: `trouble ${run.status === "failed" ? "" : "amber"}` }, run.reason),
        h("dl", { class: "grid" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
        run.status === "running" && this.drawDoing(run.id),
        run.output && part("Output", h("div", { class: "block" }, run.output)),
        run.created.length > 0 && part("Tasks it made", h("ul", null, run.created.map((task) => h("li", null, this.linkTo(task, dialog))))),
        run.documents.length > 0 && part("Documents it made", run.documents.map((document) => this.drawDocument(document))),
        run.steps.length > 0 && part("Transcript", h("ol", { class: "steps" }, run.steps.map((step) => h("li", { class: step.is_error ? "wrong" : null },
          h("div", { class: "say" }, step.who, step.at && at(step.at)), step.text && h("pre", null, step.text)))))),
      h("footer", null, cancel, button("Close", null, { onclick: () => dialog.close() })),
    ];
  }

  // A draft is sent by the person who opens it in their mail program, and by nobody else.
  drawDocument(document) {
    return h("details", { class: "document" }, h("summary", null, document.title),
      document.mailto && h("p", null, h("a", { href: document.mailto, class: "button" }, "Open in mail program")),
      h("div", { class: "block" }, document.text));
  }

  linkTo(task, dialog) {
    const card = this.cards.get(task.id);
    const name = task.title ?? task.id;
    if (!card) return h("span", null, `${name} (not on the board any more)`);
    return h("button", { type: "button", class: "linklike", onclick: () => { dialog.close(); this.openTask(task.id); } }, name);
  }
}

export function render({ model, el }) {
  return new BoardPage(model, el).root;
}
