// The board: lanes of cards, kept by patches; dialogs over it. Every wish goes to the server as one message.

const LANES = [["recurring", "Recurring"], ["todo", "To do"], ["doing", "Doing"], ["in_review", "In review"], ["done", "Done"]];
const EMPTY = {
  recurring: "Describe a task once, and an agent carries it out on schedule, every step on record.",
  todo: "Nothing to do. Type a task above, or let a recurring one make it.",
  doing: "Nothing in progress. Drag a card here when work on it begins.",
  in_review: "Nothing to review.", done: "Nothing done yet.",
};
const HUES = ["#4c6ef5", "#0f9d8a", "#c2571a", "#a34cc4", "#2f8f3e", "#c9364f", "#8a7413", "#2480b8"];

// Whether a card stands after another of its lane; recurring tasks stand newest first.
function follows(card, other) {
  if (card.rank === other.rank) return card.id > other.id;
  return (card.rank > other.rank) === (card.lane !== "recurring");
}

class BoardPage extends SearchPage {
  constructor(model, el) {
    super(model, el);
    this.cards = new Map(); // id -> { card: as the server told it, seen: with what was asked for and not told yet, element }
    this.wishes = new Map(); // id -> { seen: what it will look like, until: the version at which it does, once that is known }
    this.awaited = new Map(); // id of a task that was made here and not told yet -> id of the card that stands for it
    this.lanes = new Map(); // lane -> { section, list, count, empty }
    this.doing = new Map(); // id of a running execution -> what it does now, as far as it is told
    this.pending = new Set(); // ids of recurring tasks whose start was asked for and not answered yet
    this.project = this.opening.project;
    this.projects = this.first.projects;
    this.board = h("main", { class: "lanes", "aria-label": "Board" }, LANES.map(([lane, name]) => this.drawLane(lane, name)));
    this.root.append(this.board, this.dialogs, this.toasts);
    this.showHeader(this.first.header);
    this.replaceAll(this.first);
    this.opened();
  }

  // What came with the page may be old by now; on a served page it is nothing yet.
  async opened() {
    const empty = this.first.type === "opening";
    const ask = () => (empty ? this.attempt("sync", { rev: this.rev }) : this.ask("sync", { rev: this.rev }));
    this.root.classList.toggle("loading", empty);
    for (let asked = 1; !(await ask()).ok && empty && this.alive; asked += 1) {
      await new Promise((go) => setTimeout(go, Math.min(30000, 1000 * 2 ** asked)));
    }
    this.root.classList.remove("loading");
    if (this.query) this.find();
    this.takeUp(this.opening.page ? this.inAddress("open") : null);
  }

  // Opens again what was open when the page was left, with what was typed.
  async takeUp(place) {
    const draft = this.takeDraft();
    if (!place) return;
    await this.openPlace(place, draft);
    if (!this.open.length) this.remember({ open: null });
  }

  async openPlace(place, draft) {
    const [kind, id] = place.split(":");
    if (kind === "execution") return this.openExecution(id);
    if (kind === "history") return this.openHistory(id, this.cards.get(id)?.card.title ?? "");
    const form = kind === "task" ? await this.openTask(id) : kind === "recurring" ? await this.recurringForm(id) : kind === "copy" ? await this.recurringForm(id, true) : kind === "new" ? await this.recurringForm(null) : null;
    if (form && draft && draft.place === place) form.takeUp(draft);
  }

  // ---- what the server tells -------------------------------------------------------------------

  told(message) {
    if (message.type === "snapshot") {
      this.ahead = Date.parse(message.now) - Date.now();
      this.showHeader(message.header);
      this.replaceAll(message);
      this.leaveLostProject();
    } else if (message.type === "patch" && message.rev > this.rev) {
      if (message.from !== this.rev) this.catchUp();
      else this.patch(message);
      this.leaveLostProject();
    } else if (message.type === "doing") {
      this.hearDoing(message.doing);
    }
  }

  // A project that was archived, or never was, cannot be chosen any more: all are shown.
  leaveLostProject() {
    if (!this.project || this.projectNames.has(this.project)) return;
    this.showProject(null);
    this.drawBar();
  }

  async catchUp() {
    if (this.catchingUp) return;
    this.catchingUp = true;
    await this.ask("sync", { rev: this.rev });
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
    this.sift();
  }

  patch({ rev, cards, gone, projects, spent }) {
    const kept = this.rememberFocus();
    this.showSpent(spent);
    if (projects) this.setProjects(projects);
    for (const id of gone) this.drop(id);
    for (const card of cards) {
      this.put(this.whole(card), true);
      this.rowIsAt(card.id, card.version);
    }
    this.rev = rev;
    this.count();
    this.restoreFocus(kept);
    if (this.query) this.findSoon();
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
    const standIn = this.awaited.get(card.id);
    this.awaited.delete(card.id);
    if (standIn) this.drop(standIn);
    if (known) known.card = card;
    else this.cards.set(card.id, { card, seen: null, element: null });
    if (this.wishes.get(card.id)?.until <= card.version) this.wishes.delete(card.id);
    this.show(card.id);
    if (fresh && !known && !standIn) this.cards.get(card.id).element.classList.add("fresh");
  }

  // Draws a card as it is to be seen, where it is to be seen.
  show(id) {
    const known = this.cards.get(id), before = known.seen, old = known.element;
    const wish = this.wishes.get(id);
    known.seen = wish ? { ...known.card, ...wish.seen } : known.card;
    known.element = this.draw(known.seen);
    if (before && before.lane === known.seen.lane && before.rank === known.seen.rank) old.replaceWith(known.element);
    else {
      old?.remove();
      this.place(known.seen, known.element);
    }
  }

  place(card, element) {
    const { list } = this.lanes.get(card.lane);
    let before = list.lastElementChild;
    while (before && !follows(card, this.cards.get(before.dataset.id).seen)) before = before.previousElementSibling;
    if (before) before.after(element);
    else list.prepend(element);
  }

  draw(card) {
    const element = card.kind === "recurring" ? this.drawRecurring(card) : this.drawTask(card);
    element.hidden = !this.matches(card);
    return element;
  }

  drop(id) {
    this.cards.get(id)?.element.remove();
    this.cards.delete(id);
    this.wishes.delete(id);
  }

  redraw(id) {
    if (!this.cards.has(id)) return;
    const kept = this.rememberFocus();
    this.show(id);
    this.restoreFocus(kept);
  }

  // ---- what was asked for shows at once, and is taken back when it is refused --------------------

  async act(id, seen, kind, fields) {
    const wish = { seen };
    this.wishes.set(id, wish);
    this.redraw(id);
    this.count();
    const answer = await this.attempt(kind, fields);
    if (this.wishes.get(id) !== wish) return answer; // something else was asked for meanwhile
    if (answer.ok) {
      wish.until = kind === "delete" ? Infinity : answer.value.version; // deleting leaves no later version
      if (answer.value.rank) wish.seen = { ...wish.seen, lane: answer.value.lane, rank: answer.value.rank };
    }
    if (!answer.ok || this.cards.get(id)?.card.version >= wish.until) this.wishes.delete(id);
    this.redraw(id);
    this.count();
    return answer;
  }

  // The cards of a lane in their order, as the server will know them once it has heard all that was asked for.
  inLane(lane) {
    return [...this.lanes.get(lane).list.children].map((element) => this.cards.get(element.dataset.id).seen)
      .filter((card) => !card.gone && !card.awaited);
  }

  // ---- what is shown of it ---------------------------------------------------------------------

  matches(card) {
    if (card.gone || (this.project && card.project !== this.project)) return false;
    return this.holds(card.id, [card.title, card.about, ...card.assignees, this.projectNames.get(card.project) ?? ""]);
  }

  sift() {
    for (const { seen, element } of this.cards.values()) element.hidden = !this.matches(seen);
    this.count();
  }

  count() {
    for (const { list, count, empty, invitation, nothing } of this.lanes.values()) {
      let shown = 0;
      for (const element of list.children) if (!element.hidden) shown += 1;
      setText(count, String(shown));
      empty.hidden = shown > 0;
      const sifted = Boolean(this.query || this.project);
      invitation.hidden = sifted;
      nothing.hidden = !sifted;
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
    const manage = this.opening.page && h("a", { href: this.address("library", this.opening.store), "aria-label": "Manage projects", title: "Manage projects" }, icon("folder"));
    return [h("span", { class: "pick project" }, pick, manage), this.drawSearch()];
  }

  showProject(id) {
    this.project = id;
    this.remember({ project: id });
    this.sift();
  }

  drawLane(lane, name) {
    const list = h("div", { class: "cards" });
    const count = h("span", { class: "count" }, "0");
    const recurring = lane === "recurring";
    const invitation = h("div", null, h("p", null, EMPTY[lane]), recurring && button("Make the first one", "plus", { class: "button primary", "data-needs": "editor", onclick: () => this.recurringForm(null) }));
    const nothing = h("p", { hidden: true }, "Nothing here matches what is looked for.");
    const empty = h("div", { class: "empty" }, invitation, nothing);
    if (recurring) this.storeSpent = h("span", { class: "lane-spent" });
    const add = !recurring && this.drawAdd(lane, name);
    const head = h("header", null, recurring ? icon("again") : h("span", { class: "dot" }), h("h2", null, name), count,
      recurring ? [this.storeSpent, button("New recurring task", "plus", { "data-needs": "editor", onclick: () => this.recurringForm(null) })]
        : lane !== "todo" && button("", "plus", { class: "button quiet", "data-needs": "editor", "aria-label": `New task in ${name}`, title: `New task in ${name}`, onclick: () => { add.hidden = false; add.querySelector("input").focus(); } }));
    const section = h("section", { class: "lane", "aria-label": name, "data-lane": lane }, head, add, empty, list);
    if (!recurring) this.acceptDrops(section, lane);
    this.lanes.set(lane, { section, list, count, empty, invitation, nothing });
    return section;
  }

  drawAdd(lane, name) {
    const always = lane === "todo";
    const title = h("input", { class: "field", "aria-label": always ? "New task" : `Title of the new task in ${name}`, placeholder: "New task", maxlength: "1000", autocomplete: "off" });
    const hide = () => { if (!always && !title.value) form.hidden = true; };
    const form = h("form", { class: "add", "data-needs": "editor", hidden: !always, onsubmit: (event) => {
      event.preventDefault();
      const text = title.value;
      title.value = "";
      title.focus();
      this.createTask(text, lane, (refused) => { if (!title.value) title.value = refused; });
    }, onfocusout: (event) => { if (!form.contains(event.relatedTarget)) hide(); } },
      title, h("button", { class: "button", type: "submit", "aria-label": always ? "Add task" : `Add task to ${name}` }, icon("plus"), "Add"));
    title.addEventListener("keydown", (event) => { if (event.key === "Escape") { title.value = ""; hide(); } });
    return form;
  }

  // Its card is there at once; the one that the server tells of takes its place.
  async createTask(title, lane, refused) {
    const id = `new ${++this.number}`;
    const shown = title.trim() ? { kind: "task", id, version: 0, rev: 0, title: title.trim(), about: "", lane, rank: "~", assignees: [], project: this.project, by_agent: false, awaited: true } : null;
    if (shown) this.put(shown);
    if (shown && this.query && !this.matches(shown)) this.clearSearch(); // what was just made must be seen
    this.count();
    const answer = await this.attempt("create_task", { title, lane, project: this.project });
    if (!answer.ok) refused(title);
    if (!answer.ok || this.cards.has(answer.value.id)) this.drop(id);
    else if (shown) this.awaited.set(answer.value.id, id);
    this.count();
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
    }, disabled: Boolean(card.awaited) }, h("option", { value: "" }, "Move to"), LANES.slice(1).filter(([lane]) => lane !== card.lane).map(([lane, name]) => h("option", { value: lane }, name)));
    const element = this.frameCard(card,
      h("div", { class: "head" },
        h("h3", null, h("button", { type: "button", "data-part": "open", disabled: Boolean(card.awaited), onclick: () => this.openTask(card.id) }, card.title)),
        h("span", { class: "move", title: "Move to", "data-needs": "editor" }, icon("move"), move)),
      card.about && h("p", { class: "about" }, card.about),
      h("div", { class: "facts" }, this.chip(card.project), this.people(card.assignees),
        card.by_agent && h("span", { class: "badge agent", title: "An execution of a recurring task made this" }, icon("agent"), "Made by an agent")));
    element.classList.toggle("waiting", Boolean(card.awaited));
    element.draggable = !card.awaited && this.may("editor");
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
    const run = h("button", { type: "button", class: `button ${card.enabled ? "run-now" : ""}`, "data-part": "run", "data-needs": "editor", disabled: busy, "aria-busy": busy ? "true" : null, onclick: () => this.runNow(card) },
      busy ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon("play"), "Run now");
    const last = card.runs.find((each) => each.status !== "running");
    const ended = card.runs.find((each) => each.status !== "running" && each.status !== "skipped");
    const element = this.frameCard(card,
      h("div", { class: "head" }, h("h3", null, card.title),
        !card.enabled && h("span", { class: "badge" }, "Disabled"),
        busy && badge("running", "Running")),
      card.about && h("p", { class: "about" }, card.about),
      h("div", { class: "facts" }, h("span", null, icon("again"), card.every),
        card.enabled && card.next && this.drawNext(card),
        this.drawSpent(card.spent, "What it has cost today, of what it may"),
        this.chip(card.project), this.people(card.assignees), this.drawTold(card.told)),
      !card.enabled && card.disabled_reason && h("p", { class: "trouble amber" }, card.disabled_reason),
      card.failures > 1 && h("p", { class: "never" }, `Failed ${card.failures} times in a row.`),
      card.runs.length ? h("ol", { class: "runs", "aria-label": "Last executions" }, card.runs.map((each) => h("li", null, this.drawRunRow(each)))) : h("p", { class: "never" }, "It has not run yet."),
      ended && ended.status === "failed" && ended.reason && h("p", { class: "trouble" }, ended.reason),
      last && last.loud && h("p", { class: "trouble amber late" }, last.reason, card.offers_late && !busy && !this.pauses().length && button("Run late instead", "play", {
        "data-part": "late", "data-needs": "editor", title: "Starts it now, and from now on runs slots that were missed late, once, instead of skipping them", onclick: () => this.runLate(card) })),
      card.running && this.drawDoing(card.running),
      card.output && !card.running && h("p", { class: "output clamped", title: "The last output" }, card.output.replace(/\n\s*\n/g, "\n")),
      h("div", { class: "actions" }, run,
        button(this.may("editor") ? "Edit" : "Show", "edit", { "data-part": "edit", onclick: () => this.recurringForm(card.id) }),
        button(card.enabled ? "Disable" : "Enable", "power", { "data-part": "power", "data-needs": "editor", onclick: () => this.switchOn(card, !card.enabled) }),
        h("span", { class: "gap" }),
        card.runs.length > 0 && this.small("History", "history", { "data-part": "history", onclick: () => this.openHistory(card.id, card.title) }),
        this.small("Duplicate", "copy", { "data-part": "copy", "data-needs": "editor", onclick: () => this.recurringForm(card.id, true) }),
        this.small("Delete", "bin", { "data-part": "delete", "data-needs": "editor", onclick: () => this.confirmDelete(card) })));
    element.classList.toggle("off", !card.enabled);
    return element;
  }

  // Paused, the countdown would promise what does not happen.
  drawNext(card) {
    const [pause] = this.pauses();
    if (!pause) return h("span", { title: "Next slot" }, icon("clock"), "Next ", this.countdown(card.next));
    return h("span", { class: "paused", title: pause.reason ? `Paused: ${pause.reason}` : "Paused" }, icon("pause"), "Paused");
  }

  pausesChanged() {
    super.pausesChanged();
    for (const [id, { card }] of this.cards) if (card.kind === "recurring") this.redraw(id);
  }

  showHeader(header) {
    const before = this.header && JSON.stringify(this.header.pauses);
    super.showHeader(header);
    if (before !== undefined && before !== JSON.stringify(this.header.pauses)) this.pausesChanged();
  }

  async runLate(card) {
    if (this.pending.has(card.id)) return;
    this.pending.add(card.id);
    this.redraw(card.id);
    const answer = await this.attempt("run_late", { id: card.id });
    this.pending.delete(card.id);
    this.redraw(card.id);
    if (!answer.ok) return;
    if (answer.value.stayed) return this.toast(`“${card.title}” runs now, but slots missed later are still skipped: ${answer.value.stayed}`);
    this.toast(`“${card.title}” runs now. From now on its missed slots run late, once, instead of being skipped.`, "", { name: "Skip them again", act: () => this.attempt("missed", { id: card.id, policy: "skip" }) });
  }

  // A button that shows its mark alone.
  small(name, mark, given) {
    return button("", mark, { class: `button quiet ${mark === "bin" ? "danger" : ""}`, "aria-label": name, title: name, ...given });
  }

  switchOn(card, enabled) {
    const seen = enabled ? { enabled } : { enabled, next: null };
    return this.act(card.id, seen, enabled ? "enable" : "disable", { id: card.id });
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

  // `position` is the place among the other cards of the lane, null its end.
  moveTo(card, lane, position) {
    const others = this.inLane(lane).filter((each) => each.id !== card.id);
    const at = position ?? others.length;
    // Ranks are words of letters and digits that never end with a 0: this one stands right behind the one before.
    const rank = at > 0 ? `${others[at - 1].rank}0` : others.length ? ` ${others[0].rank}` : card.rank;
    return this.act(card.id, { lane, rank }, "move_task", { id: card.id, lane, position });
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
      const card = this.cards.get(this.dragged)?.seen;
      const before = spot(event)?.seen;
      const others = this.inLane(lane).filter((each) => each.id !== this.dragged);
      const position = before ? others.indexOf(before) : null;
      this.endDrag();
      if (card && !(card.lane === lane && this.placeOf(card) === (position ?? others.length))) this.moveTo(card, lane, position);
    });
  }

  placeOf(card) { return this.inLane(card.lane).findIndex((each) => each.id === card.id); }

  clearMarks() {
    for (const marked of this.board.querySelectorAll(".over, .before")) marked.classList.remove("over", "before");
  }

  endDrag() {
    this.cards.get(this.dragged)?.element.classList.remove("dragged");
    this.dragged = null;
    this.clearMarks();
  }

  // Arrows go from card to card; with Ctrl they take the card along. Enter opens it, Delete archives it.
  onKey(event, card) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (card.kind === "task") this.openTask(card.id);
      else this.recurringForm(card.id);
    } else if (event.key === "Delete" && card.kind === "task" && !card.awaited && this.may("editor")) {
      event.preventDefault();
      this.archive(card.id);
    } else if (step && event.ctrlKey) {
      event.preventDefault();
      if (card.kind === "task" && this.may("editor")) this.carry(card, ...step);
    } else if (step && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.focusNear(card, ...step);
    }
  }

  carry(card, sideways, along) {
    const order = LANES.slice(1).map(([lane]) => lane);
    const lane = order[order.indexOf(card.lane) + sideways];
    if (!lane) return;
    if (sideways) return this.moveTo(card, lane, null);
    const all = this.inLane(lane), shown = all.filter((each) => this.matches(each));
    const neighbour = shown[shown.findIndex((each) => each.id === card.id) + along];
    if (!neighbour) return;
    const others = all.filter((each) => each.id !== card.id);
    this.moveTo(card, lane, others.indexOf(neighbour) + (along > 0 ? 1 : 0));
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

  openTask(id) {
    return this.taskForm(id, { archive: this.cards.has(id) && (() => this.archive(id)) });
  }

  async archive(id) {
    const seen = this.cards.get(id)?.seen;
    if (!seen) return this.attempt("archive_task", { id }); // somebody else was faster
    const position = this.placeOf(seen);
    const lane = this.inLane(seen.lane).filter((each) => this.matches(each)), at = lane.findIndex((each) => each.id === id);
    const next = lane[at + 1] ?? lane[at - 1];
    if (next) setTimeout(() => this.cards.get(next.id)?.element.focus());
    const answer = await this.act(id, { gone: true }, "archive_task", { id });
    if (!answer.ok) return;
    this.toast(`“${seen.title}” is archived.`, "", { name: "Undo", act: () => this.attempt("restore_task", { id, position }) });
  }

  confirmDelete(card) {
    this.confirm("Delete recurring task", ["“", card.title, "” will not run any more. What it has done stays on record; a running execution is cancelled."],
      "Delete", "bin", () => this.act(card.id, { gone: true }, "delete", { id: card.id }));
  }
}

export function render({ model, el }) {
  return new BoardPage(model, el).root;
}
