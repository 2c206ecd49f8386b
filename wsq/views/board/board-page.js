// The board: lanes of cards, kept current by patches. What is changed here shows at once, and is taken back if the
// server refuses it.

import { DialogPage } from "../dialogs/dialog-page.js";
import { openForm } from "../dialogs/form.js";
import { pageAddress } from "../page/address.js";
import { backoff, delay } from "../page/delay.js";
import { button, focusedElement, h, icon, uniqueId } from "../page/elements.js";
import { projectFilter } from "../page/project-filter.js";
import { SearchBox } from "../page/search-box.js";
import { openArchived } from "./archived.js";
import { CardStore } from "./card-store.js";
import { Drag } from "./drag.js";
import { Lane } from "./lane.js";
import { isAfter, laneBeside, placeAfterStep, provisionalRank } from "./order.js";
import { Progress } from "./progress.js";
import { drawRecurringCard, drawSpent } from "./recurring-card.js";
import { drawTaskCard } from "./task-card.js";

const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const START_SEEN = 2000; // ms in which an execution that was started shows on its card

class BoardPage extends DialogPage {
  constructor(model, container) {
    super(model, container);
    this.store = new CardStore();
    this.drawn = new Map(); // id -> the card as it is drawn
    this.elements = new Map(); // id -> its element
    this.starting = new Set(); // ids of recurring tasks whose start is pending
    this.progress = new Progress(this.root);
    this.drag = new Drag(this);
    this.searchBox = new SearchBox(this, () => this.#filter());
    this.taskLanes = this.first.lanes.filter(([id]) => id !== "recurring"); // [id, name]
    this.lanes = new Map(this.first.lanes.map(([id, name]) => [id, new Lane(this, id, name)]));
    for (const lane of this.lanes.values()) if (lane.id !== "recurring") this.drag.accept(lane);
    const lanes = [...this.lanes.values()].map((lane) => lane.element);
    this.board = h("main", { class: "lanes", "aria-label": "Board" }, lanes);
    this.root.append(this.board, this.layer, this.toasts.element);
    this.setProjects(this.first.projects);
    this.showHeader(this.first.header);
    this.#replaceAll(this.first);
    this.#start();
  }

  /** What came with the page may be out of date; on a served page it is empty. */
  async #start() {
    const isEmpty = this.first.type === "opening";
    if (isEmpty) await this.whileLoading(this.#load());
    else await this.#sync();
    this.searchBox.find();
    this.reopen();
  }

  async #load() {
    for (let failures = 1; this.isOpen; failures += 1) {
      const answer = await this.attempt("sync", { rev: this.rev });
      if (answer.ok) return;
      await delay(backoff(failures));
    }
  }

  // ---- the server ------------------------------------------------------------------------------

  receive(message) {
    if (message.type === "snapshot") {
      this.clock.set(message.now);
      this.showHeader(message.header);
      this.#replaceAll(message);
      this.#leaveLostProject();
    } else if (message.type === "patch" && message.rev > this.rev) {
      if (message.from === this.rev) this.#patch(message);
      else this.catchUp();
      this.#leaveLostProject();
    } else if (message.type === "doing") {
      this.progress.update(message.doing);
    }
  }

  #sync() {
    return this.request("sync", { rev: this.rev });
  }

  async catchUp() {
    if (this.isCatchingUp) return;
    this.isCatchingUp = true;
    await this.#sync();
    this.isCatchingUp = false;
  }

  #replaceAll({ rev, cards, projects, doing, spent }) {
    const ids = new Set(cards.map((card) => card.id));
    this.#showSpent(spent);
    this.progress.replace(doing);
    this.setProjects(projects);
    for (const id of this.store.ids) if (!ids.has(id)) this.#remove(id);
    for (const card of cards) this.#put(card);
    this.rev = rev;
    this.#filter();
  }

  #patch({ rev, cards, gone, projects, spent }) {
    const focus = this.rememberFocus();
    this.#showSpent(spent);
    if (projects) this.setProjects(projects);
    for (const id of gone) this.#remove(id);
    for (const patch of cards) {
      const card = this.store.complete(patch);
      const added = this.#put(card);
      if (added) this.elements.get(card.id).classList.add("fresh");
      this.rowSaved(card.id, card.version);
    }
    this.rev = rev;
    this.#count();
    this.restoreFocus(focus);
    if (this.searchBox.query) this.searchBox.findSoon();
  }

  /** A project that was archived or never existed cannot be shown alone. */
  #leaveLostProject() {
    if (!this.project || this.projectNames.has(this.project)) return;
    this.#showProject(null);
    this.drawBar();
  }

  setProjects(projects) {
    const isOther = JSON.stringify(projects) !== JSON.stringify(this.projects);
    super.setProjects(projects);
    if (isOther) for (const id of this.store.ids) this.#redraw(id);
    if (this.header) this.drawBar();
  }

  #showSpent(spent) {
    const title = "What all recurring tasks of this store have cost today, of its budget";
    this.lanes.get("recurring").spent.replaceChildren(drawSpent(spent, title) ?? "");
  }

  // ---- cards -----------------------------------------------------------------------------------

  /** Takes a card and draws it alone; returns whether it is new. */
  #put(card) {
    const taken = this.store.put(card);
    if (!taken) return false;
    if (taken.standIn) this.#remove(taken.standIn);
    this.#show(card.id);
    return taken.isNew && !taken.standIn;
  }

  /** Draws a card as it is now, where it is now. */
  #show(id) {
    const card = this.store.shown(id);
    const before = this.drawn.get(id);
    const old = this.elements.get(id);
    const element = this.#draw(card);
    this.drawn.set(id, card);
    this.elements.set(id, element);
    if (before && before.lane === card.lane && before.rank === card.rank) {
      old.replaceWith(element);
    } else {
      old?.remove();
      this.lanes.get(card.lane).place(element, (other) => isAfter(card, this.drawn.get(other)));
    }
  }

  #draw(card) {
    const element = card.kind === "recurring" ? drawRecurringCard(this, card) : drawTaskCard(this, card);
    element.hidden = !this.#matches(card);
    return element;
  }

  #redraw(id) {
    if (!this.store.has(id)) return;
    const focus = this.rememberFocus();
    this.#show(id);
    this.restoreFocus(focus);
  }

  #remove(id) {
    this.elements.get(id)?.remove();
    this.elements.delete(id);
    this.drawn.delete(id);
    this.store.remove(id);
  }

  /** The cards of a lane in their order, as the server will know them. */
  inLane(lane) {
    const cards = this.lanes.get(lane).elements.map((element) => this.drawn.get(element.dataset.id));
    return cards.filter((card) => !card.isGone && !card.isStandIn);
  }

  placeOf(card) {
    return this.inLane(card.lane).findIndex((each) => each.id === card.id);
  }

  drawProgress(id) {
    return this.progress.draw(id);
  }

  // ---- changes ---------------------------------------------------------------------------------

  /** Requests a change that shows at once. */
  async #change(id, fields, type, request) {
    const change = this.store.change(id, fields);
    this.#redraw(id);
    this.#count();
    const answer = await this.attempt(type, request);
    if (this.store.settle(id, change, answer, { isDeletion: type === "delete" })) {
      this.#redraw(id);
      this.#count();
    }
    return answer;
  }

  /** Creates a task, whose card shows at once; resolves to whether it was created. */
  async createTask(title, lane) {
    const { project } = this;
    const standIn = title.trim() ? this.#putStandIn(title.trim(), lane) : null;
    this.#count();
    const answer = await this.attempt("create_task", { title, lane, project });
    if (standIn && answer.ok && !this.store.has(answer.value.id)) this.store.standIns.set(answer.value.id, standIn);
    else if (standIn) this.#remove(standIn);
    this.#count();
    return answer.ok;
  }

  #putStandIn(title, lane) {
    const card = {
      kind: "task",
      id: uniqueId(),
      version: 0,
      rev: 0,
      title,
      about: "",
      lane,
      rank: "~", // after all others
      assignees: [],
      project: this.project,
      by_agent: false,
      isStandIn: true,
    };
    this.#put(card);
    if (this.searchBox.query && !this.#matches(card)) this.searchBox.clear(); // what was just made must be seen
    return card.id;
  }

  /** `place` is that among the other cards of the lane, null the end. */
  moveTo(card, lane, place) {
    const from = { lane: card.lane, place: this.placeOf(card) };
    const done = this.#move(card, lane, place);
    const name = this.taskLanes.find(([id]) => id === lane)[1];
    const sentence = lane === from.lane ? null : `“${card.title}” is in ${name} now.`;
    const back = () => this.#move(this.store.shown(card.id) ?? card, from.lane, from.place);
    return this.undo.offer(back, { done, sentence });
  }

  #move(card, lane, place) {
    const others = this.inLane(lane).filter((each) => each.id !== card.id);
    const rank = provisionalRank(card, others, place ?? others.length);
    return this.#change(card.id, { lane, rank }, "move_task", { id: card.id, lane, position: place });
  }

  setEnabled(card, enabled) {
    const done = this.#setEnabled(card, enabled);
    return this.undo.offer(() => this.#setEnabled(this.store.shown(card.id) ?? card, !enabled), { done });
  }

  #setEnabled(card, enabled) {
    const fields = enabled ? { enabled } : { enabled, next: null };
    return this.#change(card.id, fields, enabled ? "enable" : "disable", { id: card.id });
  }

  /** Busy until the execution has ended: at first because it was requested here, then by what the server sends. */
  async runNow(card) {
    await this.#startExecution(card, "run", async (answer) => {
      const isSeen = () => this.store.get(card.id)?.runs.some((run) => run.id === answer.value.execution);
      for (let waited = 0; !isSeen() && waited < START_SEEN; waited += 100) await delay(100);
    });
  }

  /** Requests a start, once at a time; undefined when one is pending. */
  async #startExecution(card, type, whenStarted = async () => {}) {
    if (this.starting.has(card.id)) return;
    this.starting.add(card.id);
    this.#redraw(card.id);
    const answer = await this.attempt(type, { id: card.id });
    if (answer.ok) await whenStarted(answer);
    this.starting.delete(card.id);
    this.#redraw(card.id);
    return answer;
  }

  async runLate(card) {
    const answer = await this.#startExecution(card, "run_late");
    if (!answer?.ok) return;
    const { stayed } = answer.value;
    if (stayed) {
      return this.toast(`“${card.title}” is running now, but later missed runs are still skipped: ${stayed}`);
    }
    const sentence = `“${card.title}” is running now. From now on its missed runs run once, late, instead of being skipped.`;
    const act = () => this.attempt("missed", { id: card.id, policy: "skip" });
    this.toast(sentence, "green", { name: "Skip them again", act });
  }

  async archive(id) {
    const card = this.store.shown(id);
    if (!card) return this.attempt("archive_task", { id }); // somebody else has archived it
    const position = this.placeOf(card);
    this.#focusNext(card);
    const done = this.#change(id, { isGone: true }, "archive_task", { id });
    const restore = () => this.attempt("restore_task", { id, position });
    return this.undo.offer(restore, { done, sentence: `“${card.title}” is archived.` });
  }

  #focusNext(card) {
    const shown = this.inLane(card.lane).filter((each) => this.#matches(each));
    const place = shown.findIndex((each) => each.id === card.id);
    const next = shown[place + 1] ?? shown[place - 1];
    if (next) setTimeout(() => this.elements.get(next.id)?.focus());
  }

  confirmDelete(card) {
    const consequence = "” will not run any more. Its runs stay on record; a run in progress is cancelled.";
    const act = () => this.#change(card.id, { isGone: true }, "delete", { id: card.id });
    const question = ["“", card.title, consequence];
    this.confirm({ label: "Delete recurring task", question, action: "Delete", iconName: "bin", act });
  }

  // ---- which cards are shown -------------------------------------------------------------------

  #matches(card) {
    if (card.isGone || (this.project && card.project !== this.project)) return false;
    const project = this.projectNames.get(card.project) ?? "";
    return this.searchBox.matches(card.id, [card.title, card.about, ...card.assignees, project]);
  }

  #filter() {
    for (const [id, card] of this.drawn) this.elements.get(id).hidden = !this.#matches(card);
    this.#count();
  }

  #count() {
    const isFiltered = Boolean(this.searchBox.query || this.project);
    for (const lane of this.lanes.values()) lane.showCount(isFiltered);
  }

  barExtras() {
    const filter = projectFilter(this, (id) => this.#showProject(id));
    const href = pageAddress("library", this.opening.store);
    const name = "Manage projects";
    const manage = this.opening.page && h("a", { href, "aria-label": name, title: name }, icon("folder"));
    return [h("span", { class: "pick project" }, filter, manage), this.searchBox.element];
  }

  #showProject(id) {
    this.project = id;
    this.writeAddress({ project: id });
    this.#filter();
  }

  // ---- pauses ----------------------------------------------------------------------------------

  pausesChanged() {
    super.pausesChanged();
    for (const id of this.store.ids) if (this.store.get(id).kind === "recurring") this.#redraw(id);
  }

  showHeader(header) {
    const before = this.header && JSON.stringify(this.header.pauses);
    super.showHeader(header);
    if (before !== null && before !== JSON.stringify(this.header.pauses)) this.pausesChanged();
  }

  // ---- the keyboard and the focus --------------------------------------------------------------

  /** A card that is drawn anew keeps the focus. */
  rememberFocus() {
    const focused = focusedElement(this.root);
    const card = focused?.closest?.(".card");
    return card ? { id: card.dataset.id, part: focused === card ? null : focused.dataset.part } : null;
  }

  restoreFocus(focus) {
    const card = focus && this.elements.get(focus.id);
    if (!card || card.contains(focusedElement(this.root))) return;
    const part = focus.part && card.querySelector(`[data-part="${CSS.escape(focus.part)}"]`);
    (part && !part.disabled ? part : card).focus({ preventScroll: true });
  }

  /** A click on anything of a card that is no control opens it; a text that was just selected stays selected. */
  onCardClick(event, card) {
    const isControl = event.target.closest("button, a, select, input, label, .move");
    if (isControl || event.detail > 1 || card.isStandIn || String(getSelection())) return;
    this.#open(card);
  }

  #open(card) {
    return card.kind === "task" ? this.openTask(card.id) : this.openRecurringTask(card.id);
  }

  /** Arrows go from card to card, and with Ctrl move the card. Enter opens it, Delete archives it. */
  onCardKey(event, card) {
    if (event.target !== event.currentTarget) return;
    const action = this.#keyAction(event, card);
    if (!action) return;
    event.preventDefault();
    action();
  }

  #keyAction(event, card) {
    const isTask = card.kind === "task";
    const canEdit = isTask && this.may("editor");
    if (event.key === "Enter") return () => this.#open(card);
    if (event.key === "Delete") return canEdit && !card.isStandIn && (() => this.archive(card.id));
    const step = ARROWS[event.key];
    if (!step) return null;
    if (event.ctrlKey) return () => canEdit && this.#moveBy(card, ...step);
    return !event.altKey && !event.metaKey && (() => this.#focusNear(card, ...step));
  }

  #moveBy(card, sideways, along) {
    if (sideways) {
      const lane = laneBeside(this.taskLanes, card.lane, sideways);
      return lane && this.moveTo(card, lane, null);
    }
    const place = placeAfterStep(this.inLane(card.lane), (each) => this.#matches(each), card, along);
    return place !== null && this.moveTo(card, card.lane, place);
  }

  #focusNear(card, sideways, along) {
    const visible = (lane) => {
      const elements = this.inLane(lane).map((each) => this.elements.get(each.id));
      return elements.filter((element) => !element.hidden);
    };
    const place = visible(card.lane).indexOf(this.elements.get(card.id));
    if (along) return visible(card.lane)[place + along]?.focus();
    const names = [...this.lanes.keys()];
    for (let at = names.indexOf(card.lane) + sideways; names[at]; at += sideways) {
      const cards = visible(names[at]);
      if (cards.length) return cards[Math.min(place, cards.length - 1)].focus();
    }
  }

  // ---- over a reload ---------------------------------------------------------------------------

  isBusy() {
    return super.isBusy() || [...this.lanes.values()].some((lane) => lane.isBusy());
  }

  draft() {
    const typed = [...this.lanes.values()].map((lane) => [lane.id, lane.draft()]).filter(([, draft]) => draft);
    const form = super.draft();
    return form || typed.length ? { ...form, typed } : null;
  }

  restoreDraft({ typed = [] }) {
    for (const [lane, draft] of typed) this.lanes.get(lane).restore(draft);
  }

  // ---- dialogs ---------------------------------------------------------------------------------

  async openPlace(kind, id = null) {
    switch (kind) {
      case "task":
        return this.openTask(id);
      case "recurring":
      case "new":
        return this.openRecurringTask(id);
      case "copy":
        return this.openCopy(id);
      case "archived":
        await openArchived(this);
        return null;
      case "history":
        await this.openHistory(id, this.store.get(id)?.title ?? "");
        return null;
      default:
        return super.openPlace(kind, id);
    }
  }

  openTask(id) {
    const canArchive = this.store.has(id);
    const action = (form) => {
      if (!canArchive || form.opened.archived) return null;
      const onclick = () => form.leaveFor(() => this.archive(id));
      return button("Archive", "archive", { class: "button left", "data-needs": "editor", onclick });
    };
    return openForm(this, "task", id, { place: `task:${id}`, action });
  }

  openArchived() {
    return openArchived(this);
  }

  openRecurringTask(id) {
    return openForm(this, "recurring_task", id, { place: id ? `recurring:${id}` : "new" });
  }

  openCopy(id) {
    return openForm(this, "recurring_task", id, { place: `copy:${id}`, copied: true });
  }
}

export function render({ model, el }) {
  return new BoardPage(model, el).root;
}
