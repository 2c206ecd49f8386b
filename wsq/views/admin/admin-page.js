// Administration: what needs attention, then every recurring task of every store in one table.

import { DialogPage } from "../dialogs/dialog-page.js";
import { isSame } from "../dialogs/form-values.js";
import { boardAddress, pageAddress } from "../page/address.js";
import { distinctName, storeName } from "../page/bar.js";
import { button, focusedElement, h, icon, optionElements, select, setText } from "../page/elements.js";
import { counted, formatNumber } from "../page/numbers.js";
import { isActive, pausedUntil } from "../page/pauses.js";
import { Refresher } from "../page/refresher.js";
import { SearchBox } from "../page/search-box.js";
import { Alerts } from "./alerts.js";
import {
  COLUMNS,
  STATES,
  formatOrder,
  isInState,
  orderBy,
  parseOrder,
  sortLines,
  updateLines,
  withState,
} from "./overview.js";
import { openPauseForm } from "./pause-form.js";
import { drawRow } from "./rows.js";
import { Selection } from "./selection.js";
import { hint, labelled, openSmallForm, reasonField } from "./small-form.js";
import { StoreHost } from "./store-host.js";
import { VisibleRows } from "./visible-rows.js";

const REFRESH = 15000; // ms without a change, because lateness comes with time alone
const TYPING = 2000; // ms after the last change, while a reload would interrupt

class AdminPage extends DialogPage {
  constructor(model, container) {
    super(model, container);
    this.rev = 0; // of the table, as the server counts it; 0 before it is known
    this.lines = new Map(); // id -> what is known of a recurring task
    this.shown = []; // those that match, in their order
    this.selection = new Selection({
      enable: (ids, pressed) => this.#enable(ids, pressed),
      disable: (ids) => this.#openDisable(ids),
      changed: () => this.#showSelection(),
      fallbackFocus: () => this.pauseButton,
    });
    this.asked = null; // what a small dialog is about: { ids } to disable, {} to pause
    this.touchedAt = 0;
    this.order = parseOrder(this.readAddress("sort"));
    this.inStore = this.readAddress("in") ?? "";
    const state = this.readAddress("state");
    this.inState = STATES.some(([each]) => each === state) ? state : "";
    this.searchBox = new SearchBox(this, () => this.#update(), { onServer: false });
    this.refresher = new Refresher(() => this.#look());
    this.root.append(this.#drawMain(), this.layer, this.toasts.element);
    this.showHeader(this.first.header);
    this.#start();
  }

  async #start() {
    await this.whileLoading(this.refresher.start());
    await this.reopen();
  }

  end() {
    super.end();
    this.refresher.stop();
    this.resizing.disconnect();
  }

  heading() {
    return "Administration";
  }

  // ---- over a reload: what is chosen, and what is typed into a small dialog --------------------

  isBusy() {
    return super.isBusy() || Date.now() - this.touchedAt < TYPING;
  }

  draft() {
    const dialog = this.asked && this.topmost();
    const chosen = [...this.selection.ids];
    if (!dialog && !chosen.length) return null;
    const values = dialog && [...dialog.querySelectorAll(".field")].map((field) => field.value);
    return { chosen, asked: this.asked && { ...this.asked, values } };
  }

  restoreDraft({ chosen, asked }) {
    const known = (ids) => (ids ?? []).filter((id) => this.lines.has(id));
    this.selection.choose(
      known(chosen).map((id) => this.lines.get(id)),
      true,
    );
    const ids = known(asked?.ids);
    if (!asked || (asked.ids && !ids.length)) return;
    const dialog = asked.ids ? this.#openDisable(ids) : this.#openPause();
    for (const [place, field] of [...dialog.querySelectorAll(".field")].entries()) {
      field.value = asked.values[place];
      if (field.value !== asked.values[place]) return dialog.close(); // a store that is gone: nothing else is paused
      field.dispatchEvent(new Event("change"));
    }
  }

  /** Remembers what a small dialog is about for as long as it is open. */
  #ask(asked, dialog) {
    this.asked = asked;
    dialog.addEventListener("close", () => {
      this.asked = null;
    });
    dialog.addEventListener("input", () => {
      this.touchedAt = Date.now();
    });
    return dialog;
  }

  // ---- dialogs about one store -----------------------------------------------------------------

  hostOf(store) {
    return new StoreHost(this, store);
  }

  openExecutionOf(store, id) {
    return this.hostOf(store).openExecution(id);
  }

  openHistoryOf({ store, id, name }) {
    return this.hostOf(store).openHistory(id, name);
  }

  openTaskOf(store, id) {
    if (this.opening.page) location.href = boardAddress(store, "task", id);
    else this.toast("The board shows cards; this page shows only recurring tasks.", "");
  }

  /** Opens the dialog that an address names; resolves when it is open, or closed again. */
  async openPlace(kind, store, id) {
    let opened = null;
    if (kind === "execution") opened = this.openExecutionOf(store, id);
    else if (kind === "history") opened = this.openHistoryOf({ store, id, name: this.lines.get(id)?.name ?? "" });
    await Promise.race([opened, this.#nextDialog()]);
  }

  #nextDialog() {
    return new Promise((resolve) => {
      this.onDialog = resolve;
    });
  }

  openDialog(...given) {
    const dialog = super.openDialog(...given);
    this.onDialog?.();
    return dialog;
  }

  // ---- the server ------------------------------------------------------------------------------

  receive(message) {
    if (message.type === "changed") this.refresher.refreshSoon();
  }

  catchUp() {
    this.refresher.refreshSoon();
  }

  async #look() {
    const answer = await this.request("overview", { known: this.rev });
    if (!answer.ok) return false;
    this.#take(answer.value);
    await this.#lookForAlerts(); // after the table, which does not wait for them
    return true;
  }

  #take(news) {
    this.rev = news.rev;
    this.lines = updateLines(this.lines, news);
    this.selection.keep(this.lines);
    this.#update();
  }

  async #lookForAlerts() {
    const answer = await this.request("alerts", {});
    if (!answer.ok) return;
    const { alerts, more, last_pass: lastPass } = answer.value;
    this.#showLastPass(lastPass);
    if (isSame({ alerts, more }, { alerts: this.alerts.alerts, more: this.alerts.more })) return;
    this.alerts.show({ alerts, more });
    this.rows.draw(); // the alerts have moved them
  }

  tick() {
    super.tick();
    const isOld = this.rev && Date.now() - this.refresher.lookedAt > REFRESH;
    if (isOld && !document.hidden) this.refresher.refresh();
  }

  showHeader(header) {
    const used = (each) => JSON.stringify([each?.pauses, each?.stores, each?.scheduler]);
    const before = used(this.header);
    super.showHeader(header);
    if (before === used(header)) return;
    this.#drawTools();
    if (!this.rev) return;
    this.#update();
    this.refresher.refreshSoon();
  }

  pausesChanged() {
    super.pausesChanged();
    this.#drawTools();
    this.#update();
  }

  /** Those of the workspace; those of single stores are beside the button. */
  pauses() {
    return super.pauses().filter((pause) => pause.whole);
  }

  #pausedStores() {
    const now = this.clock.now();
    return Object.entries(this.header.pauses.stores).filter(([, pause]) => isActive(pause, now));
  }

  // ---- which rows are shown --------------------------------------------------------------------

  barExtras() {
    return [this.searchBox.element];
  }

  /** Finds and sorts the rows that match, and draws them. */
  #update() {
    const { stores } = this.header;
    const names = new Map(stores.map((store) => [store.id, store.name]));
    const paused = new Set(this.pauses().length ? names.keys() : this.#pausedStores().map(([id]) => id));
    const lines = [...this.lines.values()].map((line) => withState(line, names, paused));
    this.shown = sortLines(
      lines.filter((line) => this.#matches(line)),
      this.order,
    );
    this.#showCounts();
    this.rows.show(this.shown);
  }

  #matches(line) {
    if (this.inStore && line.store !== this.inStore) return false;
    if (!isInState(line, this.inState)) return false;
    const { name, storeName: inStore, store, project, why, notify } = line;
    return this.searchBox.matches(line.id, [name, inStore, store, project ?? "", why ?? "", ...notify]);
  }

  #sortBy(by) {
    this.order = orderBy(by, this.order);
    this.writeAddress({ sort: formatOrder(this.order) });
    this.#showOrder();
    this.#update();
  }

  #showOrder() {
    const { by, isDescending } = this.order;
    for (const head of this.head.querySelectorAll("[data-column]")) {
      if (head.dataset.column === by) head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.orderPick.value = by;
    setText(this.direction, isDescending ? "↓" : "↑");
    const name = `Sorted ${isDescending ? "descending" : "ascending"}; reverse`;
    this.direction.setAttribute("aria-label", name);
    this.direction.title = name;
  }

  #showAll() {
    this.inStore = "";
    this.inState = "";
    this.storePick.value = "";
    this.statePick.value = "";
    this.writeAddress({ in: null, state: null });
    this.searchBox.clear();
  }

  // ---- drawing ---------------------------------------------------------------------------------

  #drawMain() {
    const onscroll = () => this.rows.drawSoon();
    this.main = h("main", { class: "admin", "aria-label": "Administration", onscroll });
    this.rows = new VisibleRows(this.main, {
      draw: (line) => drawRow(this, line),
      keyOf: (line) => JSON.stringify([line, this.header.scheduler.state]),
      isChosen: (id) => this.selection.ids.has(id),
      coveredBy: () => this.over.offsetHeight + this.head.offsetHeight,
    });
    this.alerts = new Alerts(this, () => this.rows.isNarrow);
    this.empty = h("div", { class: "empty" });
    this.over = this.#drawFilters();
    this.table = this.#drawTable();
    const tasks = { class: "tasks", "aria-label": "Recurring tasks" };
    const section = h("section", tasks, this.over, this.table, this.empty);
    const inside = h("div", { class: "admin-inside" }, this.alerts.element, this.#drawHeading(), section);
    this.main.append(inside);
    this.#showOrder();
    this.resizing = new ResizeObserver(() => this.rows.drawSoon());
    this.resizing.observe(this.main);
    return this.main;
  }

  #drawHeading() {
    this.pausedStores = h("div", { class: "paused-stores", hidden: true });
    this.pauseButton = button("Pause …", "pause", { onclick: () => this.#openPause() });
    this.lastPass = h("span", { class: "last-pass", hidden: true });
    const gap = h("span", { class: "gap" });
    const heading = h("h2", null, "Recurring tasks");
    return h("div", { class: "tools" }, heading, this.lastPass, gap, this.pausedStores, this.pauseButton);
  }

  /** A sign of life; that there is none is said in a banner. */
  #showLastPass(last) {
    this.lastPass.hidden = !last;
    if (!last) return;
    this.lastPass.title = last.host ? `On ${last.host}` : "";
    this.lastPass.replaceChildren("Scheduler: last pass ", this.clock.relative(last.at));
  }

  #drawFilters() {
    this.count = h("span", { class: "count", role: "status" });
    const onStore = () => {
      this.inStore = this.storePick.value;
      this.writeAddress({ in: this.inStore || null });
      this.#update();
    };
    const onState = () => {
      this.inState = this.statePick.value;
      this.writeAddress({ state: this.inState || null });
      this.#update();
    };
    this.storePick = h("select", { class: "button", "aria-label": "In store", onchange: onStore });
    const attributes = { class: "button", "aria-label": "State", onchange: onState };
    this.statePick = select(attributes, STATES, this.inState);
    const orders = COLUMNS.map(({ id, name }) => [id, `By ${name.toLowerCase()}`]);
    const onOrder = () => this.#sortBy(this.orderPick.value);
    this.orderPick = select({ class: "button", "aria-label": "Sort by", onchange: onOrder }, orders);
    this.direction = button(null, null, { onclick: () => this.#sortBy(this.order.by) });
    const narrow = h("span", { class: "narrow" }, this.orderPick, this.direction);
    const picks = [this.count, h("span", { class: "gap" }), this.storePick, this.statePick, narrow];
    return h("div", { class: "over" }, h("div", { class: "sifting" }, picks), this.selection.element);
  }

  #drawTable() {
    const columns = COLUMNS.map(({ id, name, title }) => {
      const sort = h("button", { type: "button", title, onclick: () => this.#sortBy(id) }, name);
      return h("span", { role: "columnheader", class: `c-${id}`, "data-column": id }, sort);
    });
    const check = h("span", { role: "columnheader", class: "c-check" }, this.selection.all);
    const actions = h("span", { role: "columnheader", class: "c-acts" }, h("span", { class: "unseen" }, "Actions"));
    this.head = h("div", { role: "row", class: "line head", "aria-rowindex": "1" }, check, columns, actions);
    const heads = h("div", { role: "rowgroup", class: "heads" }, this.head);
    const attributes = { role: "table", class: "overview", "aria-label": "Recurring tasks of all stores" };
    return h("div", attributes, heads, this.rows.element);
  }

  #drawTools() {
    const stores = this.header.stores.map((store) => [store.id, distinctName(store, this.header.stores)]);
    const isKnown = stores.some(([id]) => id === this.inStore);
    if (this.inStore && !isKnown) stores.push([this.inStore, this.inStore]);
    this.storePick.replaceChildren(...optionElements([["", "All stores"], ...stores], this.inStore));
    const focused = this.#focused()?.dataset.store;
    const paused = this.#pausedStores();
    this.pausedStores.hidden = !paused.length;
    this.pausedStores.replaceChildren(...paused.map(([id, pause]) => this.#drawPausedStore(id, pause)));
    if (!focused) return;
    const buttons = [...this.pausedStores.querySelectorAll("button")];
    (buttons.find((each) => each.dataset.store === focused) ?? this.pauseButton).focus();
  }

  #drawPausedStore(id, pause) {
    const name = storeName(this.header.stores, id);
    const onclick = () => this.#resumeStore(id, resume);
    const resume = button("Resume", null, { "aria-label": `Resume ${name}`, "data-store": id, onclick });
    const until = pausedUntil(pause, this.clock.now());
    const reason = pause.reason && `: ${pause.reason}`;
    const text = h("span", null, h("strong", null, name), " paused ", until, reason);
    return h("span", { class: "paused-store", title: pause.reason }, icon("pause"), text, resume);
  }

  #focused() {
    const focused = focusedElement(this.root);
    return focused && this.root.contains(focused) ? focused : null;
  }

  // ---- counts and the selection ----------------------------------------------------------------

  #showCounts() {
    const all = this.lines.size;
    const here = this.shown.length;
    const counts =
      here === all ? counted(all, "recurring task") : `${formatNumber(here)} of ${counted(all, "recurring task")}`;
    if (this.rev) setText(this.count, counts);
    this.table.setAttribute("aria-rowcount", String(here + 1));
    this.table.hidden = here === 0;
    this.empty.hidden = here > 0 || !this.rev;
    if (here === 0 && this.rev) this.empty.replaceChildren(...this.#drawEmpty(all));
    this.selection.show(this.shown);
  }

  #drawEmpty(all) {
    if (all) {
      const showAll = button("Show all", null, { onclick: () => this.#showAll() });
      return [h("p", null, "No recurring task matches your search."), showAll];
    }
    const href = pageAddress("board", this.opening.store);
    const sentence = "There is no recurring task in any store yet. Create one on a store's board.";
    return [h("p", null, sentence), h("a", { class: "button primary", href }, "Open the board")];
  }

  #showSelection() {
    this.touchedAt = Date.now();
    this.rows.showChosen();
    this.selection.show(this.shown);
  }

  // ---- actions ---------------------------------------------------------------------------------

  async runNow(line, pressed) {
    pressed.disabled = true;
    const answer = await this.hostOf(line.store).attempt("run", { id: line.id });
    await this.refresher.refresh();
    pressed.disabled = Boolean(this.lines.get(line.id)?.running);
    if (!this.#focused()) this.rows.focus({ id: line.id, part: "run" });
    if (!answer.ok) return;
    const show = { name: "Show", act: () => this.openExecutionOf(line.store, answer.value.execution) };
    this.toast(`“${line.name}” has been started.`, "green", show);
  }

  async #enable(ids, pressed) {
    const failing = this.#failing(ids);
    const reasons = new Map(ids.map((id) => [id, this.lines.get(id)?.why ?? null]));
    pressed.disabled = true;
    const answer = await this.attempt("enable_many", { ids });
    pressed.disabled = false;
    if (!this.#focused()) this.selection.focus("enable");
    if (!answer.ok) return;
    const { changed } = answer.value;
    await this.#showChanged(changed, failing, "enabled", () => this.#disableAgain(changed, reasons));
  }

  /** Disables each with the reason that it had. */
  async #disableAgain(ids, reasons) {
    for (const reason of new Set(ids.map((id) => reasons.get(id)))) {
      const same = ids.filter((id) => reasons.get(id) === reason);
      const answer = await this.attempt("disable_many", { ids: same, reason });
      if (!answer.ok) return answer;
    }
    return { ok: true };
  }

  #openDisable(ids) {
    const failing = this.#failing(ids);
    const stores = new Set(ids.map((id) => this.lines.get(id)?.store)).size;
    const where = stores > 1 ? ` of ${stores} stores` : "";
    const themselves = ids.length === 1 ? "itself" : "themselves";
    const sentence = `${counted(ids.length, "recurring task")}${where} will not run by ${themselves} any more. What is running ends normally.`;
    const reason = reasonField();
    const content = [
      h("p", null, sentence),
      labelled("Reason", reason, hint("Shown on the card of each; may be left out.")),
    ];
    const act = async () => {
      const answer = await this.attempt("disable_many", { ids, reason: reason.value.trim() || null });
      if (!answer.ok) return answer;
      const { changed } = answer.value;
      this.#showChanged(changed, failing, "disabled", () => this.attempt("enable_many", { ids: changed }));
      return answer;
    };
    const about = { label: "Disable recurring tasks", action: "Disable", iconName: "power" };
    return this.#ask({ ids }, openSmallForm(this, { ...about, content, first: reason, act }));
  }

  #failing(ids) {
    return new Set(ids.filter((id) => this.lines.get(id)?.failures));
  }

  /** Enabling counts failures anew: where some had failed, nothing brings the count back, and undo is not offered. */
  async #showChanged(ids, failing, word, undo) {
    await this.refresher.refresh();
    this.selection.clear();
    if (!ids.length) return this.toast(`All of them were ${word} already.`, "");
    const done = `${counted(ids.length, "recurring task")} ${ids.length === 1 ? "is" : "are"} ${word}.`;
    const failed = ids.filter((id) => failing.has(id)).length;
    if (failed) {
      const which = ids.length === 1 ? "It" : `${formatNumber(failed)} of them`;
      const when = word === "enabled" ? "from now on" : "once enabled again";
      return this.toast(`${done} ${which} had failed: failures in a row are counted anew ${when}.`, "");
    }
    const act = async () => {
      const answer = await undo();
      await this.refresher.refresh();
      if (answer.ok) this.toast("That is undone.", "green");
    };
    this.toast(done, "green", { name: "Undo", act });
  }

  #openPause() {
    return this.#ask({}, openPauseForm(this));
  }

  async resume(pause, pressed) {
    const answer = await super.resume(pause, pressed);
    this.#focusAfterResume(answer, pressed);
    return answer;
  }

  async #resumeStore(id, pressed) {
    pressed.disabled = true;
    const answer = await this.hostOf(id).attempt("resume", { whole: false });
    pressed.disabled = false;
    this.#focusAfterResume(answer, pressed);
  }

  /** A button that is disabled while it works, and gone when it has, would take the focus with it. */
  #focusAfterResume(answer, pressed) {
    if (!this.#focused()) (answer.ok || !pressed.isConnected ? this.pauseButton : pressed).focus();
  }

  rememberFocus() {
    return this.selection.focusedPart();
  }

  restoreFocus(part) {
    if (part) this.selection.focus(part);
    else this.pauseButton.focus();
  }

  get fallbackFocus() {
    return this.pauseButton;
  }
}

export function render({ model, el }) {
  return new AdminPage(model, el).root;
}
