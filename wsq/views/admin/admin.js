// Administration: what is wrong on top, then every recurring task of every store in one table, of whose rows only
// those in sight are drawn. Every wish goes to the server as one message; the table is asked for when it changes.

const NOW_AND_THEN = 15000; // ms after which it is looked at though nothing was written: what is late, time alone tells
const SPARE = 8; // rows drawn above and below what is in sight
const NARROW = 680; // pixels up to which a row is a card of four lines, see admin.css
const ALERTS = 5; // shown before one asks for all of them, in a narrow window fewer
const STATES = [["", "All states"], ["enabled", "Enabled"], ["disabled", "Disabled"], ["paused", "Paused"], ["failing", "Failing"], ["running", "Running"]];
const ABOUT_ONE = new Set(["run", "history", "open_execution", "cancel_execution"]); // store, that is
const CRITERIA = {
  name: (line) => line.name.toLowerCase(), store: (line) => line.storeName.toLowerCase(), state: (line) => line.state, next: (line) => line.next,
  last: (line) => line.last_at, rate7: (line) => line.rate_7, rate30: (line) => line.rate_30, cost: (line) => line.cost, failures: (line) => line.failures,
};
const COLUMNS = [
  ["name", "Recurring task"], ["store", "Store"], ["state", "State"], ["next", "Next"], ["last", "Last outcome"],
  ["rate7", "7 days", "Completed of the completed and failed executions that began in the last 7 days"],
  ["rate30", "30 days", "Completed of the completed and failed executions that began in the last 30 days"],
  ["cost", "This month", "What the executions that began in this month of the store's zone have cost"],
  ["failures", "Failures", "Failures in a row, up to now"],
];
const DOWN_FIRST = new Set(["last", "cost", "failures"]);

const counted = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;
const iso = (at) => new Date(at).toISOString();

class AdminPage extends asking(SearchPage) {
  constructor(model, el) {
    super(model, el);
    this.rev = 0; // of the table, as the server counts it; 0 before it is known
    this.lines = new Map(); // id -> what is known of a recurring task
    this.shown = []; // those that are looked for, in their order
    this.drawn = new Map(); // id -> { line, element } of the rows in sight
    this.chosen = new Set(); // ids
    this.alerts = [];
    this.moreAlerts = 0;
    const sort = (this.fromAddress("sort") ?? "").split(".");
    this.sorted = CRITERIA[sort[0]] ? { by: sort[0], down: sort[1] === "down" } : { by: "store", down: false };
    this.inStore = this.fromAddress("in") ?? "";
    this.inState = STATES.some(([state]) => state && state === this.fromAddress("state")) ? this.fromAddress("state") : "";
    this.root.append(this.drawMain(), this.dialogs, this.toasts);
    this.showHeader(this.first.header);
    this.opened();
  }

  fromAddress(name) { return this.opening.page ? this.inAddress(name) : null; }

  async opened() {
    await super.opened();
    const place = this.fromAddress("open"), draft = this.opening.page ? this.takeDraft() : null;
    if (place) await this.openPlace(...place.split(":"));
    if (place && !this.open.length) this.remember({ open: null });
    if (draft) this.takeUp(draft);
  }

  // ---- over a reload: what is ticked, and what is typed into a dialog that asks for a little ------

  busyTyping() { return super.busyTyping() || Date.now() - (this.touchedAt ?? 0) < 2000; }

  keepDraft() {
    const asked = this.open.find(({ dialog }) => dialog.asked)?.dialog;
    if (!asked && !this.chosen.size) return;
    const values = asked && [...asked.querySelectorAll(".field")].map((field) => field.value);
    try {
      sessionStorage.setItem(DRAFT, JSON.stringify({ at: location.href, chosen: [...this.chosen], asked: asked && { ...asked.asked, values } }));
    } catch { /* without storage it is lost with the page */ }
  }

  takeUp({ chosen, asked }) {
    const known = (ids) => (ids ?? []).filter((id) => this.lines.has(id));
    this.choose(known(chosen).map((id) => this.lines.get(id)), true);
    const ids = known(asked?.ids);
    if (!asked || asked.ids && !ids.length) return;
    const dialog = asked.ids ? this.openDisable(ids) : this.openPause();
    for (const [at, field] of [...dialog.querySelectorAll(".field")].entries()) {
      field.value = asked.values[at];
      if (field.value !== asked.values[at]) return dialog.close(); // a store that is gone: what is paused must not become another
      field.dispatchEvent(new Event("change"));
    }
  }

  openPlace(kind, store, id) {
    if (kind === "execution") return this.openExecutionOf(store, id);
    if (kind === "history") return this.openHistoryOf(store, id, this.lines.get(id)?.name ?? "");
    return null;
  }

  // A message about one store says which: the one whose dialog is open, or that of the row.
  ask(kind, { store, ...fields } = {}) {
    const within = store ?? (ABOUT_ONE.has(kind) && !fields.whole && (this.open.length || this.opens) ? this.within : null);
    return within ? super.ask("within", { store: within, message: { type: kind, ref: 0, ...fields } }) : super.ask(kind, fields);
  }

  async openExecutionOf(store, id) {
    await this.opensWithin(store, () => this.openExecution(id));
  }

  async openHistoryOf(store, id, name) {
    await this.opensWithin(store, () => this.openHistory(id, name));
  }

  // Not awaited to its end, which is the dialog's: only until it is open or was refused.
  async opensWithin(store, opening) {
    this.within = store;
    this.opens = true;
    const done = opening();
    while (!this.open.length && !(await Promise.race([done.then(() => true), new Promise((go) => setTimeout(go, 20))]))) { /* it is on its way */ }
    this.opens = false;
  }

  rememberPlace() {
    const shown = this.open.filter((each) => each.place).at(-1)?.place.split(":");
    this.remember({ open: shown ? [shown[0], this.within, shown[1]].join(":") : null });
  }

  drawDoing() { return null; } // what a running execution says is told to boards alone

  openTask(id) {
    if (!this.opening.page) return this.toast("A board shows its tasks; here are the recurring ones alone.", "");
    location.href = `${this.address("board", this.within)}&open=task:${encodeURIComponent(id)}`;
  }

  // ---- what the server tells -------------------------------------------------------------------

  async look() {
    const answer = await super.ask("overview", { known: this.rev });
    if (answer.ok) this.take(answer.value);
    if (answer.ok) await this.lookForAlerts();
    return answer.ok;
  }

  take({ rev, whole: all, columns, lines, gone }) {
    this.rev = rev;
    if (all) this.lines = new Map();
    for (const id of gone) this.lines.delete(id);
    for (const values of lines) {
      const line = Object.fromEntries(columns.map((column, at) => [column, values[at]]));
      this.lines.set(line.id, line);
    }
    for (const id of this.chosen) if (!this.lines.has(id)) this.chosen.delete(id);
    this.sift();
  }

  // Apart from the table, which is not to wait for them.
  async lookForAlerts() {
    const answer = await super.ask("alerts", {});
    if (!answer.ok || same(answer.value, { alerts: this.alerts, more: this.moreAlerts })) return;
    this.alerts = answer.value.alerts;
    this.moreAlerts = answer.value.more;
    this.drawAlerts();
    this.drawRows(); // which have moved
  }

  tick() {
    super.tick();
    if (this.rev && !document.hidden && Date.now() - this.looked > NOW_AND_THEN) this.refresh();
  }

  showHeader(header) {
    const before = JSON.stringify([this.header?.pauses, this.header?.stores, this.header?.scheduler]);
    super.showHeader(header);
    if (before === JSON.stringify([header.pauses, header.stores, header.scheduler])) return;
    this.drawTools();
    if (this.rev) {
      this.sift();
      this.refreshSoon();
    }
  }

  pausesChanged() {
    super.pausesChanged();
    this.drawTools();
    this.sift();
  }

  // Of the workspace alone: those of single stores stand beside the switch.
  pauses() { return super.pauses().filter((pause) => pause.whole); }

  pausedStores() {
    return Object.entries(this.header.pauses.stores).filter(([, pause]) => this.stillHolds(pause));
  }

  // ---- what is looked for ----------------------------------------------------------------------

  find() {} // all that is looked through is here

  extras() { return [this.drawSearch()]; }

  drawBar() {
    super.drawBar();
    this.bar.querySelector("h1").textContent = "Administration";
  }

  sift() {
    const names = new Map(this.header.stores.map((store) => [store.id, store.name]));
    const paused = this.pauses().length ? new Set(names.keys()) : new Set(this.pausedStores().map(([id]) => id));
    for (const line of this.lines.values()) {
      line.storeName = names.get(line.store) ?? line.store;
      line.state = line.running ? "running" : !line.enabled ? "disabled" : paused.has(line.store) ? "paused" : "enabled";
      line.paused = line.enabled && paused.has(line.store);
    }
    this.shown = [...this.lines.values()].filter((line) => this.isSought(line));
    this.sort();
    this.showCounts();
    this.drawRows(true);
  }

  isSought(line) {
    if (this.inStore && line.store !== this.inStore) return false;
    const { inState: state } = this;
    if (state === "failing" ? !line.failures : state === "paused" ? !line.paused : state === "enabled" ? !line.enabled : state && line.state !== state) return false;
    return this.holds(line.id, [line.name, line.storeName, line.store, line.project ?? "", line.why ?? "", ...line.told]);
  }

  sort() {
    const { by, down } = this.sorted, of = CRITERIA[by];
    const keyed = this.shown.map((line) => [of(line), line.storeName.toLowerCase(), line.name.toLowerCase(), line]);
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    keyed.sort(([a, aStore, aName], [b, bStore, bName]) => {
      if (a === null || b === null) return a === b ? order(aName, bName) : a === null ? 1 : -1;
      return (down ? order(b, a) : order(a, b)) || order(aStore, bStore) || order(aName, bName);
    });
    this.shown = keyed.map(([, , , line]) => line);
  }

  sortBy(by) {
    this.sorted = { by, down: this.sorted.by === by ? !this.sorted.down : DOWN_FIRST.has(by) };
    this.remember({ sort: by === "store" && !this.sorted.down ? null : `${by}${this.sorted.down ? ".down" : ""}` });
    this.showSorting();
    this.sift();
  }

  showSorting() {
    const { by, down } = this.sorted;
    for (const head of this.head.querySelectorAll("[data-column]")) {
      const mine = head.dataset.column === by;
      if (mine) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.sortPick.value = by;
    setText(this.sortWay, down ? "↓" : "↑");
    for (const name of ["aria-label", "title"]) this.sortWay.setAttribute(name, `Sorted ${down ? "descending" : "ascending"}; turn round`);
  }

  // ---- the parts of the page -------------------------------------------------------------------

  drawMain() {
    this.alertsShown = h("section", { class: "alerts", "aria-label": "Needs attention", hidden: true });
    this.stills = h("div", { class: "stills", hidden: true });
    this.pauser = button("Pause …", "pause", { onclick: () => this.openPause() });
    this.tools = h("div", { class: "tools" }, h("h2", null, "Recurring tasks"), h("span", { class: "gap" }), this.stills, this.pauser);
    this.count = h("span", { class: "count", role: "status" });
    this.selection = h("div", { class: "selection", role: "group", "aria-label": "What is selected", hidden: true });
    this.storePick = h("select", { class: "button", "aria-label": "In store", onchange: () => { this.inStore = this.storePick.value; this.remember({ in: this.inStore || null }); this.sift(); } });
    this.statePick = h("select", { class: "button", "aria-label": "State", onchange: () => { this.inState = this.statePick.value; this.remember({ state: this.inState || null }); this.sift(); } },
      STATES.map(([value, text]) => h("option", { value, selected: value === this.inState }, text)));
    this.sortPick = h("select", { class: "button", "aria-label": "Sort by", onchange: () => this.sortBy(this.sortPick.value) }, COLUMNS.map(([by, name]) => h("option", { value: by }, `By ${name.toLowerCase()}`)));
    this.sortWay = button("", null, { class: "button", onclick: () => this.sortBy(this.sorted.by) });
    this.all = h("input", { type: "checkbox", "aria-label": "Select all that match", onchange: () => this.choose(this.shown, this.all.checked) });
    this.head = h("div", { role: "row", class: "line head", "aria-rowindex": "1" }, h("span", { role: "columnheader", class: "c-check" }, this.all),
      COLUMNS.map(([by, name, title]) => h("span", { role: "columnheader", class: `c-${by}`, "data-column": by }, h("button", { type: "button", title, onclick: () => this.sortBy(by) }, name))),
      h("span", { role: "columnheader", class: "c-acts" }, h("span", { class: "unseen" }, "Actions")));
    this.rows = h("div", { role: "rowgroup", class: "rows", onkeydown: (event) => this.onRowKey(event) });
    this.empty = h("div", { class: "empty" });
    this.table = h("div", { role: "table", class: "overview", "aria-label": "Recurring tasks of all stores" }, h("div", { role: "rowgroup", class: "heads" }, this.head), this.rows);
    this.over = h("div", { class: "over" }, h("div", { class: "sifting" }, this.count, h("span", { class: "gap" }), this.storePick, this.statePick, h("span", { class: "narrow" }, this.sortPick, this.sortWay)), this.selection);
    this.main = h("main", { class: "admin", "aria-label": "Administration", onscroll: () => this.drawRowsSoon() },
      h("div", { class: "admin-inside" }, this.alertsShown, this.tools, h("section", { class: "tasks", "aria-label": "Recurring tasks" }, this.over, this.table, this.empty)));
    this.showSorting();
    new ResizeObserver(() => this.drawRowsSoon()).observe(this.main);
    return this.main;
  }

  drawTools() {
    const stores = [...this.header.stores], still = this.pausedStores();
    if (this.inStore && !stores.some((store) => store.id === this.inStore)) stores.push({ id: this.inStore, name: this.inStore });
    this.storePick.replaceChildren(h("option", { value: "" }, "All stores"), ...stores.map((store) => h("option", { value: store.id, selected: store.id === this.inStore }, this.storeName(store))));
    const held = this.focused?.dataset.store;
    this.stills.hidden = !still.length;
    this.stills.replaceChildren(...still.map(([id, pause]) => this.drawPausedStore(id, pause)));
    if (held) ([...this.stills.querySelectorAll("button")].find((each) => each.dataset.store === held) ?? this.pauser).focus();
  }

  get focused() {
    const focused = this.root.getRootNode().activeElement;
    return focused && this.root.contains(focused) ? focused : null;
  }

  drawBanners() {
    const held = this.banners.contains(this.focused);
    super.drawBanners();
    if (held) (this.banners.querySelector("button") ?? this.pauser).focus();
  }

  // A button that is disabled while it works, and goes when it has worked, would take the focus with it.
  async resume(isWhole, pressed, store) {
    const answer = await super.resume(isWhole, pressed, store);
    if (!this.focused) (answer.ok || !pressed.isConnected ? this.pauser : pressed).focus();
    return answer;
  }

  restoreFocus() { this.pauser.focus(); }

  storeName(store) {
    return this.header.stores.some((other) => other.id !== store.id && other.name === store.name) ? `${store.name} (${store.id})` : store.name;
  }

  drawPausedStore(id, pause) {
    const name = this.header.stores.find((store) => store.id === id)?.name ?? id;
    const go = button("Resume", null, { "aria-label": `Resume ${name}`, "data-store": id, onclick: () => this.resume(false, go, id) });
    return h("span", { class: "still", title: pause.reason }, icon("pause"), h("span", null, h("strong", null, name), " paused ", this.pausedUntil(pause), pause.reason && `: ${pause.reason}`), go);
  }

  showCounts() {
    const all = this.lines.size, here = this.shown.length;
    if (this.rev) setText(this.count, here === all ? counted(all, "recurring task") : `${here.toLocaleString()} of ${counted(all, "recurring task")}`);
    const among = this.shown.reduce((sum, line) => sum + this.chosen.has(line.id), 0);
    this.all.checked = here > 0 && among === here;
    this.all.indeterminate = among > 0 && among < here;
    this.table.setAttribute("aria-rowcount", String(here + 1));
    this.table.hidden = here === 0;
    this.empty.hidden = here > 0 || !this.rev;
    if (here === 0 && this.rev) this.empty.replaceChildren(...(all ? [h("p", null, "No recurring task matches what is looked for."), button("Show all", null, { onclick: () => this.showAll() })]
      : [h("p", null, "There is no recurring task in any store yet. One is made on a store's board."), h("a", { class: "button primary", href: this.address("board", this.opening.store) }, "Open the board")]));
    this.showSelection(among);
  }

  showAll() {
    this.inStore = this.inState = "";
    this.storePick.value = this.statePick.value = "";
    this.remember({ in: null, state: null });
    this.clearSearch();
  }

  showSelection(among) {
    const { size } = this.chosen, held = this.selection.contains(this.focused);
    this.selection.hidden = size === 0;
    if (!size && held) (this.shown.length ? this.all : this.pauser).focus();
    if (!size) return;
    const kept = held ? this.focused.dataset.part : null;
    const hidden = size - among;
    this.selection.replaceChildren(h("strong", null, `${size.toLocaleString()} selected`), hidden > 0 && h("span", { class: "hint" }, `${hidden.toLocaleString()} of them not shown`) || "", h("span", { class: "gap" }),
      button("Enable", "play", { "data-part": "enable", onclick: (event) => this.enableMany([...this.chosen], event.currentTarget) }),
      button("Disable …", "power", { "data-part": "disable", onclick: () => this.openDisable([...this.chosen]) }),
      button("Clear", "close", { class: "button quiet", "data-part": "clear", onclick: () => this.choose(this.lines.values(), false) }));
    if (kept) this.selection.querySelector(`[data-part="${kept}"]`)?.focus();
  }

  choose(lines, on) {
    this.touchedAt = Date.now();
    for (const { id } of lines) {
      if (on) this.chosen.add(id);
      else this.chosen.delete(id);
    }
    for (const { element, line } of this.drawn.values()) this.showChosen(element, line.id);
    this.showCounts();
  }

  showChosen(element, id) {
    const on = this.chosen.has(id);
    element.querySelector("input").checked = on;
    element.classList.toggle("chosen", on);
  }

  // ---- rows: of thousands those in sight -------------------------------------------------------

  drawRowsSoon() {
    this.drawing ??= requestAnimationFrame(() => { this.drawing = null; this.drawRows(); });
  }

  isNarrow() { return this.main.clientWidth <= NARROW; }

  height() { return this.isNarrow() ? 100 : 46; }

  drawRows() {
    const high = this.height(), all = this.shown.length;
    this.rows.style.height = `${all * high}px`;
    this.rows.style.setProperty("--high", `${high}px`);
    const above = this.main.getBoundingClientRect().top - this.rows.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / high) - SPARE);
    const end = Math.min(all, Math.ceil((above + this.main.clientHeight) / high) + SPARE);
    const kept = this.rememberRow();
    const before = this.drawn;
    this.drawn = new Map();
    let last = null;
    for (let at = first; at < end; at += 1) {
      const line = this.shown[at], key = this.keyOf(line), known = before.get(line.id);
      const element = known?.key === key ? known.element : this.drawRow(line);
      element.style.top = `${at * high}px`;
      element.setAttribute("aria-rowindex", String(at + 2));
      this.showChosen(element, line.id);
      this.drawn.set(line.id, { line, key, element });
      const next = last ? last.nextSibling : this.rows.firstChild;
      if (next !== element) this.rows.insertBefore(element, next);
      last = element;
    }
    while (last ? last.nextSibling : this.rows.firstChild) (last ? last.nextSibling : this.rows.firstChild).remove();
    this.focusRow(kept);
  }

  keyOf(line) { return JSON.stringify([line, this.header.scheduler.state]); }

  rememberRow() {
    const focused = this.root.getRootNode().activeElement;
    const row = focused?.closest?.(".line[data-id]");
    return row ? { id: row.dataset.id, part: focused.dataset.part } : null;
  }

  focusRow(kept) {
    const element = kept && this.drawn.get(kept.id)?.element;
    if (!element || element.contains(this.root.getRootNode().activeElement)) return;
    const part = element.querySelector(`[data-part="${kept.part}"]`);
    (part && !part.disabled ? part : element.querySelector("[data-part=name]")).focus({ preventScroll: true });
  }

  drawRow(line) {
    const cell = (of, ...content) => h("span", { role: "cell", class: `c-${of}` }, ...content);
    const check = h("input", { type: "checkbox", "data-part": "check", "aria-label": `Select ${line.name}`, onclick: (event) => this.onCheck(event, line) });
    const board = `${this.address("board", line.store)}&open=recurring:${encodeURIComponent(line.id)}`;
    const run = this.small("Run now", "play", { "data-part": "run", disabled: Boolean(line.running), onclick: () => this.runNow(line, run) });
    return h("div", { role: "row", class: `line ${line.enabled ? "" : "off"}`, "data-id": line.id, "aria-label": line.name },
      cell("check", check),
      cell("name", this.nameOf(line, board), h("small", { title: line.project }, h("span", { class: "in-store" }, line.storeName, " · "), line.every, line.project && ` · ${line.project}`, line.told.length > 0 && ` · tells ${line.told.join(", ")}`)),
      cell("store", h("span", { class: "clip", title: line.store }, line.storeName)),
      cell("state", this.drawState(line)),
      cell("next", line.state === "paused" ? h("span", { class: "quiet" }, "–") : line.next ? this.countdown(iso(line.next)) : h("span", { class: "quiet" }, "–")),
      cell("last", this.drawLast(line)),
      cell("rate7", this.drawRate(line.rate_7, line.ran_7, 7)), cell("rate30", this.drawRate(line.rate_30, line.ran_30, 30)),
      cell("cost", h("span", { class: line.cost ? null : "quiet" }, line.cost || !line.unpriced ? money(line.cost) : "–"), line.unpriced > 0 && h("small", { title: "Executions whose model has no known price" }, `${line.unpriced} unpriced`)),
      cell("failures", line.failures > 0 ? h("strong", { class: "wrong" }, String(line.failures)) : h("span", { class: "quiet" }, "0")),
      cell("acts", run, this.small("History", "history", { "data-part": "history", onclick: () => this.openHistoryOf(line.store, line.id, line.name) })));
  }

  // On a page it leads to the task's card; a notebook's cell has no other pages.
  nameOf(line, board) {
    const given = { "data-part": "name", title: line.name };
    if (this.opening.page) return h("a", { href: board, ...given }, line.name);
    return h("button", { type: "button", class: "named", ...given, onclick: () => this.openHistoryOf(line.store, line.id, line.name) }, line.name);
  }

  small(name, mark, given) { return button("", mark, { class: "button quiet", "aria-label": name, title: name, ...given }); }

  drawState(line) {
    if (line.state === "running") return badge("running", "Running");
    if (line.state === "paused") return h("span", { class: "badge cancelled" }, icon("pause"), "Paused");
    if (line.state === "enabled") return h("span", { class: "on" }, h("i", null), "Enabled");
    return [h("span", { class: "badge" }, "Disabled"), line.why && h("small", { class: "clip", title: line.why }, line.why)];
  }

  drawLast(line) {
    if (!line.last_id) return h("span", { class: "quiet" }, "Never run");
    return h("button", { type: "button", class: "last", "data-part": "last", title: line.last_what, onclick: () => this.openExecutionOf(line.store, line.last_id) },
      h("span", null, badge(line.last_status, line.last_word), this.since(iso(line.last_at))), h("small", { class: line.last_what === "Could not do it" ? "could-not" : null }, line.last_what ?? ""));
  }

  drawRate(rate, ran, days) {
    return h("span", { class: rate === null ? "quiet" : rate < 0.8 ? "wrong" : null, title: ran ? `of ${counted(ran, "execution")} in ${days} days` : `Nothing was carried out in ${days} days` }, percent(rate));
  }

  // With Shift, all between it and the one before.
  onCheck(event, line) {
    const at = this.shown.findIndex((each) => each.id === line.id), from = this.shown.findIndex((each) => each.id === this.lastCheck);
    const between = event.shiftKey && from >= 0 ? this.shown.slice(Math.min(at, from), Math.max(at, from) + 1) : [line];
    this.lastCheck = line.id;
    this.choose(between, event.target.checked);
  }

  // Arrows go from row to row in a column of buttons, Page keys by what is in sight, Home and End to either end.
  onRowKey(event) {
    const kept = this.rememberRow();
    if (!kept || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.shown.findIndex((line) => line.id === kept.id), sight = Math.max(1, Math.floor(this.main.clientHeight / this.height()) - 3);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - sight, PageDown: at + sight, Home: 0, End: this.shown.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.goTo(Math.min(Math.max(to, 0), this.shown.length - 1), kept.part);
  }

  goTo(at, part) {
    const high = this.height(), head = this.over.offsetHeight + this.head.offsetHeight, top = this.rows.getBoundingClientRect().top - this.main.getBoundingClientRect().top + at * high;
    if (top < head) this.main.scrollTop += top - head;
    else if (top + high > this.main.clientHeight) this.main.scrollTop += top + high - this.main.clientHeight + 8;
    this.drawRows();
    this.focusRow({ id: this.shown[at].id, part });
  }

  // ---- what can be done ------------------------------------------------------------------------

  async runNow(line, pressed) {
    pressed.disabled = true;
    const answer = await this.attempt("run", { id: line.id, store: line.store });
    await this.refresh();
    pressed.disabled = Boolean(this.lines.get(line.id)?.running);
    if (!this.focused) this.focusRow({ id: line.id, part: "run" });
    if (answer.ok) this.toast(`“${line.name}” has been started.`, "", { name: "Show", act: () => this.openExecutionOf(line.store, answer.value.execution) });
  }

  async enableMany(ids, pressed) {
    pressed.disabled = true;
    const failing = this.failingOf(ids), reasons = new Map(ids.map((id) => [id, this.lines.get(id)?.why ?? null]));
    const answer = await this.attempt("enable_many", { ids });
    pressed.disabled = false;
    if (!this.focused) pressed.focus();
    if (!answer.ok) return;
    await this.changed(answer.value.changed, failing, "enabled", "All of them were enabled already.", () => this.disableAgain(answer.value.changed, reasons));
  }

  // Each with the reason that it had.
  async disableAgain(ids, reasons) {
    for (const reason of new Set(ids.map((id) => reasons.get(id)))) {
      const answer = await this.attempt("disable_many", { ids: ids.filter((id) => reasons.get(id) === reason), reason });
      if (!answer.ok) return answer;
    }
    return { ok: true };
  }

  failingOf(ids) { return new Set(ids.filter((id) => this.lines.get(id)?.failures)); }

  // Whoever is enabled begins to count failures anew: where some had failed, nothing brings back what was.
  async changed(ids, failing, word, none, undo) {
    await this.refresh();
    this.choose(this.lines.values(), false);
    if (!ids.length) return this.toast(none, "");
    const done = `${counted(ids.length, "recurring task")} ${ids.length === 1 ? "is" : "are"} ${word}.`, failed = ids.filter((id) => failing.has(id)).length;
    if (failed) return this.toast(`${done} ${ids.length === 1 ? "It" : `${failed.toLocaleString()} of them`} had failed: failures in a row are counted anew ${word === "enabled" ? "from now on" : "once enabled again"}.`, "");
    this.toast(done, "", { name: "Undo", act: async () => {
      const answer = await undo();
      await this.refresh();
      if (answer.ok) this.toast("That is undone.", "");
    } });
  }

  openDisable(ids) {
    const failing = this.failingOf(ids), stores = new Set(ids.map((id) => this.lines.get(id)?.store)).size;
    const reason = h("input", { class: "field", id: "wsq-reason", maxlength: "1000", autocomplete: "off" });
    return this.askFor({ ids }, "Disable recurring tasks", [
      h("p", null, `${counted(ids.length, "recurring task")}${stores > 1 ? ` of ${stores} stores` : ""} will not run by ${ids.length === 1 ? "itself" : "themselves"} any more. What runs now ends normally.`),
      h("div", { class: "labelled" }, h("label", { for: "wsq-reason" }, "Reason"), reason, h("span", { class: "hint" }, "Stands on the card of each; may be left out.")),
    ], "Disable", "power", async () => {
      const answer = await this.attempt("disable_many", { ids, reason: reason.value.trim() || null });
      if (answer.ok) this.changed(answer.value.changed, failing, "disabled", "All of them were disabled already.", () => this.attempt("enable_many", { ids: answer.value.changed }));
      return answer;
    }, reason);
  }

  openPause() {
    const what = h("select", { class: "field", id: "wsq-what" }, this.user?.whole !== false && h("option", { value: "" }, "The whole workspace"), this.header.stores.map((store) => h("option", { value: store.id, selected: store.id === this.inStore }, this.storeName(store))));
    const morning = new Date(this.now() + 86400000);
    morning.setHours(8, 0, 0, 0);
    const inAnHour = new Date(this.now() + 3600000);
    const until = h("select", { class: "field", id: "wsq-until" }, [["hour", `For an hour, until ${hour.format(inAnHour)}`], ["morning", `Until tomorrow, ${hour.format(morning)}`], ["date", "Until a date and time"], ["ever", "Until somebody resumes it"]].map(([value, text]) => h("option", { value }, text)));
    const date = h("input", { class: "field", type: "datetime-local", "aria-label": "Date and time", hidden: true });
    until.addEventListener("change", () => { date.hidden = until.value !== "date"; });
    const reason = h("input", { class: "field", id: "wsq-reason", maxlength: "1000", autocomplete: "off" });
    const when = () => ({ hour: inAnHour, morning, date: new Date(date.value), ever: null })[until.value];
    return this.askFor({}, "Pause", [
      h("p", null, "Nothing starts meanwhile; what falls due is skipped and says why. What runs now ends normally, and nothing is disabled."),
      h("div", { class: "labelled" }, h("label", { for: "wsq-what" }, "What"), what),
      h("div", { class: "labelled" }, h("label", { for: "wsq-until" }, "How long"), until, date),
      h("div", { class: "labelled" }, h("label", { for: "wsq-reason" }, "Reason"), reason, h("span", { class: "hint" }, "Everybody sees it on top of the board.")),
    ], "Pause", "pause", async () => {
      const end = when();
      if (end && Number.isNaN(end.getTime())) {
        date.setAttribute("aria-invalid", "true");
        date.focus();
        this.toast("Say until when it is to be paused.");
        return { ok: false };
      }
      const fields = { until: end ? end.toISOString() : null, reason: reason.value.trim() || null };
      return this.attempt("pause", what.value ? { whole: false, store: what.value, ...fields } : { whole: true, ...fields });
    }, what);
  }

  // A small dialog that asks for a little; it closes when what it asked for has been done. `asked` says what it is
  // about, to open it anew.
  askFor(asked, label, content, words, mark, act, first) {
    const go = h("button", { type: "submit", class: "button primary" }, icon(mark), words);
    const form = h("form", { novalidate: true, onsubmit: async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      const answer = await act();
      go.disabled = false;
      if (answer.ok) dialog.close();
    } }, this.title(label), h("div", { class: "body" }, content), h("footer", null, button("Cancel", null, { onclick: () => dialog.close() }), go));
    this.within = null;
    const dialog = this.dialog(label, { cssClass: "small" }, form);
    dialog.asked = asked;
    dialog.addEventListener("input", () => { this.touchedAt = Date.now(); });
    first.focus();
    return dialog;
  }

  // ---- what is wrong ---------------------------------------------------------------------------

  drawAlerts() {
    const seen = this.alerts;
    const focused = this.alertsShown.contains(this.root.getRootNode().activeElement);
    this.alertsShown.hidden = seen.length === 0;
    const most = this.isNarrow() ? ALERTS - 2 : ALERTS, few = this.unfolded ? seen : seen.slice(0, most), rest = seen.length - few.length;
    const more = (rest > 0 || this.unfolded && seen.length > most) && button(rest > 0 ? `Show ${rest.toLocaleString()} more` : "Show fewer", null, { class: "button quiet more", onclick: () => { this.unfolded = !this.unfolded; this.drawAlerts(); } });
    this.alertsShown.replaceChildren(h("h2", null, "Needs attention ", h("span", { class: "count" }, (seen.length + this.moreAlerts).toLocaleString())),
      h("ul", { role: "list" }, few.map((alert) => this.drawAlert(alert))), rest > 0 || !this.moreAlerts ? "" : h("p", { class: "hint" }, `and ${this.moreAlerts.toLocaleString()} more; in Python, `, h("code", null, "ws.alerts()"), " tells them all"), more || "");
    if (focused) (this.alertsShown.querySelector("button, a") ?? this.main).focus?.();
  }

  drawAlert({ level, store, task, execution, since, sentence }) {
    const name = task && this.lines.get(task)?.name;
    const show = (what) => ["Show", h("span", { class: "long" }, ` ${what}`)], href = `${this.address("board", store)}${task ? `&open=recurring:${encodeURIComponent(task)}` : ""}`;
    const leads = execution && store ? button(show("execution"), null, { "aria-label": "Show execution", onclick: () => this.openExecutionOf(store, execution) })
      : store && task && !this.opening.page ? button(show("executions"), null, { "aria-label": "Show executions", onclick: () => this.openHistoryOf(store, task, name ?? "") })
      : store && this.opening.page ? h("a", { class: "button", "aria-label": task ? "Show task" : "Show board", href }, show(task ? "task" : "board")) : "";
    return h("li", { class: level === "problem" ? "red" : level === "warning" ? "amber" : "", title: name }, icon(level === "information" ? "info" : "warn"),
      h("span", { class: "said" }, sentence, " ", store && h("small", null, this.header.stores.find((each) => each.id === store)?.name ?? store, since && [" · since ", this.since(since)])), leads);
  }
}

export function render({ model, el }) {
  return new AdminPage(model, el).root;
}
