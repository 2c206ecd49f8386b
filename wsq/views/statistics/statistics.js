// Statistics: what is counted stands in the address; figures, charts and lists are asked for and drawn in place, so
// that nobody loses their place. Charts come as Bokeh's JSON and are drawn when they come into view. Tables and
// choices come last, and bear the mark of the figures that they belong to.

const SPANS = [7, 30, 90];
const ALL = "*"; // in the address: all stores

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const dayWords = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const plain = new Intl.NumberFormat(undefined); // once: `toLocaleString` is slow, and a table has hundreds of numbers
const many = (number) => (number < 100000 ? plain.format(number) : compact.format(number));
const lasted = (seconds) => (seconds === null ? "–" : duration(seconds));
const WRITE = { count: (n) => plain.format(n), share: percent, seconds: lasted, dollars: money, day: (day) => dayWords.format(Date.parse(day)), text: (text) => text };
const write = (value, kind) => (value === null ? "–" : WRITE[kind](value));

// Numbers stay what they are. A text is quoted, and told to be none where a spreadsheet would take it for a formula:
// at its beginning, and behind what parts cells for one that does not read commas. What such programs skip over
// (blanks, signs that are not seen, the quotes) does not hide a formula, nor do the wide signs of Asian scripts.
const FORMULA = /(?<=^|[;\t\r\n])(?=[\s\p{C}"]*[=+\-@＝＋－＠])/gu;
function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  return `"${value.replace(FORMULA, "'").replaceAll('"', '""')}"`;
}
const csv = (columns, rows) => [columns.map((column) => column.name), ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";

class StatisticsPage extends asking(DialogPage) {
  constructor(model, el) {
    super(model, el);
    this.bound = this.opening.store; // whose executions can be opened here
    this.wish = this.fromAddress();
    this.mark = ""; // of the figures that are shown
    this.listed = ""; // of the tables and choices
    this.shown = new Map(); // id of a chart or a table -> its parts
    this.toDraw = new Set(); // ids of charts
    this.root.append(this.drawMain(), this.dialogs, this.toasts);
    this.seen = new IntersectionObserver((all) => this.drawCharts(all.filter((each) => each.isIntersecting).map((each) => each.target.dataset.chart)), { root: this.main, rootMargin: "200px" });
    this.dressed = new MutationObserver(() => { if (this.theme !== this.root.dataset.theme) this.refresh(); });
    this.dressed.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    this.showHeader(this.first.header);
    this.opened();
  }

  async opened() {
    await super.opened();
    const [kind, id] = (this.inAddress("open") ?? "").split(":");
    if (kind === "execution" && id) await this.openExecution(id);
    if (!this.open.length) this.remember({ open: null });
  }

  end() {
    super.end();
    this.seen.disconnect();
    this.dressed.disconnect();
    for (const shown of this.shown.values()) shown.views?.clear();
  }

  // What a running execution says is told to boards alone.
  drawDoing() { return null; }

  showHeader(header) {
    super.showHeader(header);
    this.offerStores();
  }

  // ---- what is counted, and the address ----------------------------------------------------------

  fromAddress() {
    const date = (name) => (/^\d{4}-\d\d-\d\d$/.test(this.inAddress(name) ?? "") ? this.inAddress(name) : null);
    const days = Number(this.inAddress("days") ?? 30);
    const store = this.inAddress("store") ?? this.bound;
    return {
      store: store === ALL ? null : store, project: this.inAddress("project"), task: this.inAddress("task"), model: this.inAddress("model"),
      days: Number.isInteger(days) && days > 0 && days <= 3660 ? days : 30, since: date("from"), until: date("to"),
    };
  }

  narrow(change) {
    Object.assign(this.wish, change);
    const { store, project, task, model, days, since, until } = this.wish;
    const custom = since || until;
    this.remember({ store: store ?? ALL, project, task, model, days: custom || days === 30 ? null : String(days), from: since, to: until });
    if (store && store !== this.opening.store) { this.opening.store = store; this.drawBar(); }
    this.drawBanners();
    this.setSpan();
    this.refresh();
  }

  // The pauses of what is counted; this page can end its own store's, another's is ended where the bar leads to.
  pauses() { return super.pauses().filter((pause) => pause.whole || this.wish.store); }

  mayResume(pause) { return super.mayResume(pause) && (pause.whole || this.opening.store === this.bound); }

  // ---- what the server tells -----------------------------------------------------------------------

  told(message) {
    if (message.type === "chart" && message.mark === this.mark) this.showChart(message.chart);
    if (message.type === "lists" && message.mark === this.mark && this.isCounted()) this.showLists(message);
    super.told(message);
  }

  async look() {
    const theme = this.root.dataset.theme, { since, until } = this.wish;
    if (since && until && since > until) {
      this.refused(`The span from ${write(since, "day")} to ${write(until, "day")} ends before it begins.`);
      return true; // to ask again would change nothing
    }
    const answer = await this.ask("statistics", { ...this.wish, theme, known: this.mark, listed: this.isCounted() ? this.listed : "" });
    if (!this.alive || this.onceMore) return true; // nobody looks, or something else is looked for by now
    if (answer.ok) this.take(answer.value, theme);
    else this.refused(answer.error, !answer.type && this.isCounted());
    return answer.ok;
  }

  // Whether the figures that are shown are those of what is asked for now.
  isCounted() { return this.counted === JSON.stringify(this.wish); }

  // What was counted before is not what is asked for now, but where the server was merely silent.
  refused(sentence, stands = false) {
    if (!stands) {
      this.mark = ""; // so that all of it is told again
      this.all.hidden = this.none.hidden = true;
    }
    this.trouble.firstElementChild.textContent = sentence;
    this.trouble.hidden = false;
    this.root.classList.remove("loading");
  }

  take(news, theme) {
    this.trouble.hidden = true;
    this.root.classList.remove("loading");
    this.theme = theme;
    const anew = !this.isCounted();
    this.counted = JSON.stringify(this.wish);
    if (news.mark === this.mark) return;
    this.mark = news.mark;
    this.none.hidden = !news.nothing;
    this.all.hidden = news.nothing;
    if (news.nothing) return;
    const one = news.first === news.last;
    setText(this.spanWords, news.first ? `${write(news.first, "day")}${one ? "" : ` to ${write(news.last, "day")}`}. Days are those of ${news.timezone}, by when an execution started.` : "");
    if (anew) this.hideLists();
    this.showTiles(news.total);
    this.showFailures(news.failures);
  }

  showLists({ error, listed, choices, groups }) {
    if (error) return this.refused(error);
    this.listed = listed;
    this.offerChoices(choices);
    for (const table of groups) this.showTable(table);
    this.tables.classList.remove("former");
    this.focused = null;
  }

  // Those of what was asked for before are not seen any more, but keep their room, so that nothing moves.
  hideLists() {
    this.listed = "";
    this.focused = this.focusedGroup();
    this.tables.classList.add("former");
    if (this.listedOf !== this.wish.store) this.offerChoices({ projects: [], tasks: [], models: [], more_tasks: 0 });
  }

  focusedGroup() { return this.root.getRootNode().activeElement?.dataset.group ?? this.focused; }

  // ---- filters -------------------------------------------------------------------------------------

  drawMain() {
    const pick = (label, act) => {
      const select = h("select", { class: "button", "aria-label": label, onchange: () => act(select.value || null) });
      return [select, h("label", null, label, select)];
    };
    let boxes = {};
    [this.stores, boxes.store] = pick("Store", (store) => this.narrow({ store, project: null, task: null, model: null }));
    [this.projectPick, boxes.project] = pick("Project", (project) => this.narrow({ project }));
    [this.taskPick, boxes.task] = pick("Recurring task", (task) => this.narrow({ task }));
    [this.modelPick, boxes.model] = pick("Model", (model) => this.narrow({ model }));
    this.main = h("main", { class: "statistics", "aria-label": "Statistics", tabindex: "-1" },
      h("div", { class: "narrow", role: "group", "aria-label": "What is counted" }, Object.values(boxes), h("span", { class: "gap" }), this.drawSpans()),
      this.trouble = h("div", { class: "trouble", role: "alert", hidden: true }, h("span"), button("Show all", null, { onclick: () => this.narrow({ project: null, task: null, model: null, since: null, until: null, days: 30 }) })),
      this.none = h("p", { class: "none", hidden: true }, "Nothing has been carried out in this store yet."),
      this.all = h("div", null,
        this.spanWords = h("p", { class: "span", role: "status" }),
        this.tiles = h("section", { class: "tiles", "aria-label": "Figures" }),
        this.charts = h("div", { class: "charts" }),
        this.drawFailures(),
        this.tables = h("div"),
        h("details", { class: "panel meaning" }, h("summary", null, "What the figures mean"),
          h("dl", null, Object.entries(this.first.definitions).map(([word, meaning]) => [h("dt", null, word), h("dd", null, meaning)])))));
    this.setSpan();
    this.offer(this.projectPick, "All projects", [], this.wish.project);
    this.offer(this.taskPick, "All recurring tasks", [], this.wish.task);
    this.offer(this.modelPick, "All models", [], this.wish.model);
    return this.main;
  }

  drawSpans() {
    const custom = () => {
      const today = new Date(this.now()).toISOString().slice(0, 10), before = new Date(this.now() - 29 * 86400000).toISOString().slice(0, 10);
      this.narrow({ since: this.wish.since ?? before, until: this.wish.until ?? today });
    };
    const choice = (value, words, act) => h("label", null, h("input", { type: "radio", name: "wsq-span", value, "aria-label": words, onchange: act }), h("span", null, words));
    this.spans = h("div", { class: "spans", role: "radiogroup", "aria-label": "Span" },
      SPANS.map((days) => choice(days, `${days} days`, () => this.narrow({ days, since: null, until: null }))), choice("custom", "Custom", custom));
    const date = (label, name) => {
      const input = h("input", { type: "date", "aria-label": label, min: "1970-01-02", max: "9998-12-30", onchange: () => this.narrow({ [name]: input.value || null }) });
      return [input, h("label", { hidden: true }, label, input)];
    };
    [this.from, this.fromBox] = date("From", "since");
    [this.to, this.toBox] = date("To", "until");
    return [this.fromBox, this.toBox, h("div", { class: "labelled" }, h("span", null, "Span"), this.spans)];
  }

  setSpan() {
    const { days, since, until } = this.wish;
    const custom = Boolean(since || until);
    for (const input of this.spans.querySelectorAll("input")) input.checked = input.value === (custom ? "custom" : String(days));
    this.fromBox.hidden = this.toBox.hidden = !custom;
    if (this.from.value !== (since ?? "")) this.from.value = since ?? "";
    if (this.to.value !== (until ?? "")) this.to.value = until ?? "";
  }

  // What is chosen is offered too, whatever else there is.
  offer(select, all, choices, chosen) {
    const options = all ? [["", all], ...choices] : [...choices];
    if (chosen && !choices.some(([id]) => id === chosen)) options.push([chosen, chosen]);
    const key = JSON.stringify(options);
    if (select.dataset.key !== key) {
      select.dataset.key = key;
      select.replaceChildren(...options.map(([id, name]) => h("option", { value: id }, name)));
    }
    select.value = chosen ?? "";
  }

  offerStores() {
    if (!this.stores || !this.header) return;
    this.offer(this.stores, this.user?.everywhere === false && this.wish.store ? null : "All stores", this.header.stores.map((store) => [store.id, store.name]), this.wish.store);
  }

  storeName(id) { return this.header.stores.find((store) => store.id === id)?.name ?? id; }

  offerChoices({ projects, tasks, models, more_tasks: more }) {
    const named = ({ id, name, store }) => [id, this.wish.store ? name : `${name} (${this.storeName(store)})`];
    this.listedOf = this.wish.store;
    this.projects = projects.filter((each) => each.store === this.bound);
    this.projectNames = new Map(this.projects.map((each) => [each.id, each.name]));
    this.offerStores();
    this.offer(this.projectPick, "All projects", projects.map(named), this.wish.project);
    this.offer(this.taskPick, more ? `All tasks (${more.toLocaleString()} not listed)` : "All recurring tasks", tasks.map(named), this.wish.task);
    this.offer(this.modelPick, "All models", models.map((model) => [model, model]), this.wish.model);
  }

  // ---- figures -------------------------------------------------------------------------------------

  showTiles(total) {
    const tokens = total.input_tokens + total.output_tokens + total.cache_read_tokens + total.cache_write_tokens;
    const apart = [["cancelled", total.cancelled], ["running", total.running]].filter(([, n]) => n).map(([word, n]) => `, ${many(n)} ${word}`).join("");
    const tile = (key, name, value, ...words) => h("section", { class: "tile", "aria-label": name, "data-figure": key },
      h("h3", null, name), h("strong", null, value), words.filter(Boolean).map((each) => h("p", null, each)));
    this.tiles.replaceChildren(
      tile("executions", "Executions", many(total.executions), `${many(total.completed)} completed, ${many(total.failed)} failed${apart}`),
      tile("success_rate", "Success rate", percent(total.success_rate), total.could_not ? `${many(total.could_not)} completed as “could not”` : "of completed and failed"),
      tile("duration", "Duration, median", lasted(total.duration_median), total.duration_p95 !== null && `95 % within ${lasted(total.duration_p95)}, mean ${lasted(total.duration_mean)}`),
      tile("cost", "Cost", money(total.cost_usd), total.unpriced > 0 && `${many(total.unpriced)} unpriced, not in it`, total.cost_per_created_task !== null && `${money(total.cost_per_created_task)} per created task`, total.tried_usd > 0 && `and ${money(total.tried_usd)} for dry runs`),
      tile("tokens", "Tokens", many(tokens), total.cache_share !== null && `${percent(total.cache_share)} of the sent from cache`),
      tile("lateness", "Lateness, median", lasted(total.lateness_median), total.lateness_p95 !== null && `95 % within ${lasted(total.lateness_p95)}, at most ${lasted(total.lateness_max)}`),
      tile("skipped", "Skipped slots", many(total.skipped_slots), total.skipped > 0 && `by ${many(total.skipped)} skipped executions`),
      tile("retries", "Retries", many(total.retries), total.retried > 0 && `in ${many(total.retried)} executions`, total.takeovers > 0 && `${many(total.takeovers)} takeovers`));
  }

  // ---- charts --------------------------------------------------------------------------------------

  showChart(chart) {
    let shown = this.shown.get(chart.id);
    if (!shown) {
      shown = this.frameOf(chart, "chart");
      shown.section.dataset.chart = chart.id;
      shown.legend = h("ul", { class: "legend", "aria-hidden": "true" });
      shown.note = h("p", { class: "note" });
      shown.drawn = h("div", { class: "drawn", "aria-hidden": "true" });
      shown.nothing = h("p", { class: "nothing", hidden: true });
      shown.table = h("div", { class: "figures-table", tabindex: "0", role: "group", "aria-label": `${chart.title}, table` });
      shown.folded = h("details", { ontoggle: () => this.fillTable(shown) }, h("summary", null, "Table"), shown.table);
      shown.section.append(shown.note, shown.legend, shown.drawn, shown.nothing, shown.folded);
      this.charts.append(shown.section);
    }
    shown.data = chart;
    shown.stale = true;
    setText(shown.note, chart.note);
    shown.legend.hidden = !chart.item;
    shown.legend.replaceChildren(...(chart.legend ?? []).map(({ name, colour }) => {
      const mark = h("i");
      mark.style.setProperty("--colour", `var(--chart-${colour})`);
      return h("li", null, mark, name);
    }));
    shown.drawn.hidden = !chart.item;
    shown.nothing.hidden = Boolean(chart.item);
    setText(shown.nothing, chart.empty ?? "");
    shown.csv.disabled = !chart.rows.length;
    shown.filled = false;
    this.fillTable(shown);
    this.seen.unobserve(shown.section);
    this.seen.observe(shown.section); // says anew whether it is in view
  }

  // Nobody sees the rows of a folded table, and to write them all takes longer than to draw the chart.
  fillTable(shown) {
    if (shown.filled || !shown.folded.open) return;
    shown.filled = true;
    this.showRows(shown.table, shown.data.title, shown.data.columns, shown.data.rows);
  }

  // One after the other, and each is seen before the next is begun: to draw them all takes half a second.
  async drawCharts(ids) {
    const drawing = this.toDraw.size > 0;
    for (const id of ids) this.toDraw.add(id);
    if (drawing) return;
    for (const id of this.toDraw) {
      await this.drawChart(id);
      await new Promise((go) => setTimeout(go));
      this.toDraw.delete(id);
    }
  }

  // The new drawing takes the old one's place when it is done; until then the old one stands.
  async drawChart(id) {
    const shown = this.shown.get(id);
    if (!shown?.stale || shown.drawing) return;
    shown.drawing = true;
    while (shown.stale && this.alive) {
      shown.stale = false;
      const before = [...shown.drawn.children], views = shown.views;
      shown.views = null;
      if (shown.data.item) {
        const place = h("div");
        shown.drawn.append(place);
        shown.views = await window.Bokeh.embed.embed_item(shown.data.item, place);
        this.takeOutOfTheWay(place);
      }
      this.forget(views);
      for (const each of before) each.remove();
    }
    shown.drawing = false;
  }

  // The table beside it tells what is drawn: the drawing itself is nothing to stop at on the way through the page.
  takeOutOfTheWay(within) {
    for (const each of within.querySelectorAll("*")) {
      if (each.tabIndex >= 0) each.tabIndex = -1;
      if (each.shadowRoot) this.takeOutOfTheWay(each.shadowRoot);
    }
  }

  // Bokeh keeps a list of every document that it has ever drawn.
  forget(views) {
    if (!views) return;
    const documents = window.Bokeh.documents, gone = views.roots.map((view) => view.model.document);
    views.clear();
    for (const document of gone) if (documents.includes(document)) documents.splice(documents.indexOf(document), 1);
  }

  frameOf({ id, title }, kind) {
    const save = button("CSV", null, { class: "button quiet", "aria-label": `CSV of ${title}`, title: "Download these figures as a CSV file", onclick: () => this.download(id) });
    const section = h("section", { class: kind, "aria-label": title }, h("header", null, h("h2", null, title), save));
    const shown = { section, csv: save };
    this.shown.set(id, shown);
    return shown;
  }

  download(id) {
    const { columns, rows } = this.shown.get(id).data;
    const where = URL.createObjectURL(new Blob(["\ufeff", csv(columns, rows.map((row) => row.cells ?? row))], { type: "text/csv;charset=utf-8" }));
    h("a", { href: where, download: `${id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(where), 10000);
  }

  showRows(into, title, columns, rows, first = (cell) => cell) {
    const kind = (at) => (["text", "day"].includes(columns[at].kind) ? columns[at].kind : "number");
    into.replaceChildren(h("table", null,
      h("caption", { class: "unseen" }, title),
      h("thead", null, h("tr", null, columns.map((column, at) => h("th", { scope: "col", class: kind(at) }, column.name)))),
      h("tbody", null, rows.map((row) => h("tr", null, (row.cells ?? row).map((cell, at) => (at ? h("td", { class: kind(at) }, write(cell, columns[at].kind)) : h("th", { scope: "row", class: kind(at) }, first(write(cell, columns[at].kind), row)))))))));
  }

  // ---- lists ---------------------------------------------------------------------------------------

  drawFailures() {
    this.failing = h("ol", { class: "failing" });
    this.failsNot = h("p", { class: "note" }, "Nothing failed in this span.");
    return h("section", { class: "panel", "aria-label": "Recent failures" }, h("header", null, h("h2", null, "Recent failures")), this.failsNot, this.failing);
  }

  showFailures(failures) {
    this.failsNot.hidden = failures.length > 0;
    const focused = this.root.getRootNode().activeElement?.dataset.failure;
    this.failing.replaceChildren(...failures.map((failure) => h("li", null, this.drawFailure(failure))));
    if (focused) this.failing.querySelector(`[data-failure="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  // A link to its board, where it can be opened in a window of its own too; on this page it opens here.
  drawFailure({ id, store, name, at, reason, error }) {
    const here = store === this.bound;
    const query = new URLSearchParams({ store, open: `execution:${id}` });
    const open = (event) => {
      if (!here || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.openExecution(id);
    };
    return h("a", { href: `board?${query}`, "data-failure": id, onclick: open },
      h("span", { class: "who" }, name ?? "Deleted recurring task", (!this.wish.store || !here) && h("small", null, this.storeName(store))),
      badge("failed", reason), h("span", { class: "why" }, error), this.since(at));
  }

  showTable(table) {
    let shown = this.shown.get(table.id);
    if (!shown) {
      shown = this.frameOf(table, "panel");
      shown.table = h("div", { class: "figures-table", tabindex: "0", role: "group", "aria-label": `${table.title}, table` });
      shown.note = h("p", { class: "note" });
      shown.section.append(shown.note, shown.table);
      this.tables.append(shown.section);
    }
    shown.data = table;
    shown.section.hidden = !table.rows.length || (table.id === "stores" && Boolean(this.wish.store));
    setText(shown.note, table.more ? `The ${table.rows.length} with the most executions; ${table.more.toLocaleString()} more are not listed.` : "");
    shown.note.hidden = !table.more;
    const focused = this.focusedGroup();
    const to = { stores: "store", projects: "project", tasks: "task", models: "model" }[table.id];
    this.showRows(shown.table, table.title, table.columns, table.rows, (name, row) => (row.id === null ? name
      : h("button", { type: "button", class: "linklike", "data-group": `${to} ${row.id}`, title: "Show these alone", onclick: () => this.narrow({ ...(row.store ? { store: row.store } : {}), [to]: row.id }) }, name)));
    if (focused) shown.table.querySelector(`[data-group="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

export function render({ model, el }) {
  return new StatisticsPage(model, el).root;
}
