// Statistics: what is counted is in the address; figures, charts and tables are requested and drawn in place, so that
// nobody loses their place. Tables and choices come last, and bear the hash of the figures that they belong to.

import { DialogPage } from "../dialogs/dialog-page.js";
import { openForm } from "../dialogs/form.js";
import { storeName } from "../page/bar.js";
import { button, h, setText } from "../page/elements.js";
import { Refresher } from "../page/refresher.js";
import { Charts } from "./charts.js";
import { Failures } from "./failures.js";
import { FilterBar } from "./filter-bar.js";
import { UNFILTERED, filterParameters, readFilters } from "./filters.js";
import { Groups } from "./groups.js";
import { drawTiles } from "./tiles.js";
import { formatDay } from "./values.js";

const NO_CHOICES = { projects: [], tasks: [], models: [], more_tasks: 0 };

class StatisticsPage extends DialogPage {
  constructor(model, container) {
    super(model, container);
    this.ownStore = this.opening.store; // whose executions can be opened here
    this.filters = readFilters((name) => this.readAddress(name), this.ownStore);
    this.hash = ""; // of the figures that are shown
    this.listsHash = ""; // of the tables and choices
    this.drawnTheme = null;
    this.counted = null; // the filters of the figures that are shown, as JSON
    this.refresher = new Refresher(() => this.#look());
    this.root.append(this.#drawMain(), this.layer, this.toasts.element);
    this.themeObserver = new MutationObserver(() => {
      if (this.drawnTheme !== this.root.dataset.theme) this.refresher.refresh();
    });
    this.themeObserver.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    this.showHeader(this.first.header);
    this.#offerChoices(NO_CHOICES);
    this.#start();
  }

  async #start() {
    await this.whileLoading(this.refresher.start());
    this.reopen();
  }

  end() {
    super.end();
    this.refresher.stop();
    this.charts.close();
    this.themeObserver.disconnect();
  }

  showHeader(header) {
    super.showHeader(header);
    this.filterBar.offerStores();
  }

  openTask(id) {
    return openForm(this, "task", id, { place: `task:${id}` });
  }

  // ---- what is counted -------------------------------------------------------------------------

  #filter(changes) {
    this.filters = { ...this.filters, ...changes };
    this.writeAddress(filterParameters(this.filters));
    const { store } = this.filters;
    if (store && store !== this.opening.store) {
      this.opening.store = store;
      this.drawBar();
    }
    this.banners.draw();
    this.filterBar.showSpan(this.filters);
    this.refresher.refresh();
  }

  /** Whether the figures that are shown are those of the filters. */
  #isCounted() {
    return this.counted === JSON.stringify(this.filters);
  }

  /** The pauses of what is counted. */
  pauses() {
    return super.pauses().filter((pause) => pause.whole || this.filters.store);
  }

  /** The pause of another store is ended on its own pages. */
  mayResume(pause) {
    return super.mayResume(pause) && (pause.whole || this.opening.store === this.ownStore);
  }

  // ---- the server ------------------------------------------------------------------------------

  receive(message) {
    if (message.type === "changed") this.refresher.refreshSoon();
    if (message.mark !== this.hash) return;
    if (message.type === "chart") this.charts.show(message.chart);
    else if (message.type === "lists" && this.#isCounted()) this.#showLists(message);
  }

  catchUp() {
    this.refresher.refreshSoon();
  }

  async #look() {
    const { theme } = this.root.dataset;
    const { since, until } = this.filters;
    if (since && until && since > until) {
      this.#showError(`The span from ${formatDay(since)} to ${formatDay(until)} ends before it begins.`);
      return true; // requesting it again would change nothing
    }
    const known = { known: this.hash, listed: this.#isCounted() ? this.listsHash : "" };
    const answer = await this.request("statistics", { ...this.filters, theme, ...known });
    if (!this.isOpen || this.refresher.again) return true; // other filters were chosen meanwhile
    if (answer.ok) this.#take(answer.value, theme);
    else this.#showError(answer.error, answer.timedOut && this.#isCounted());
    return answer.ok;
  }

  /** Hides figures that are not those of the filters; where the server was merely silent they `stay`. */
  #showError(sentence, stay = false) {
    if (!stay) {
      this.hash = ""; // so that everything is sent again
      this.all.hidden = true;
      this.none.hidden = true;
    }
    this.error.firstElementChild.textContent = sentence;
    this.error.hidden = false;
    this.root.classList.remove("loading");
  }

  #take(news, theme) {
    const isOther = !this.#isCounted();
    this.error.hidden = true;
    this.root.classList.remove("loading");
    this.drawnTheme = theme;
    this.counted = JSON.stringify(this.filters);
    if (news.mark === this.hash) return;
    this.hash = news.mark;
    this.none.hidden = !news.nothing;
    this.all.hidden = news.nothing;
    if (news.nothing) return;
    setText(this.span, spanInWords(news));
    if (isOther) this.#hideLists();
    this.tiles.replaceChildren(...drawTiles(news.total));
    this.failures.show(news.failures);
  }

  #showLists({ error, listed, choices, groups }) {
    if (error) return this.#showError(error);
    this.listsHash = listed;
    this.#offerChoices(choices);
    this.groups.show(groups, { showStores: !this.filters.store });
  }

  #hideLists() {
    this.listsHash = "";
    this.groups.hide();
    if (this.choicesOf !== this.filters.store) this.#offerChoices(NO_CHOICES);
  }

  #offerChoices(choices) {
    const { store } = this.filters;
    this.choicesOf = store;
    this.setProjects(choices.projects.filter((each) => each.store === this.ownStore));
    this.filterBar.offerChoices(choices, (row) => (store ? row.name : `${row.name} (${this.#nameOf(row.store)})`));
  }

  #nameOf(store) {
    return storeName(this.header.stores, store);
  }

  // ---- drawing ---------------------------------------------------------------------------------

  #drawMain() {
    this.filterBar = new FilterBar(this, (changes) => this.#filter(changes));
    const showAll = button("Show all", null, { onclick: () => this.#filter(UNFILTERED) });
    this.error = h("div", { class: "trouble", role: "alert", hidden: true }, h("span"), showAll);
    this.none = h("p", { class: "none", hidden: true }, "Nothing has run in this store yet.");
    this.span = h("p", { class: "span", role: "status" });
    this.tiles = h("section", { class: "tiles", "aria-label": "Figures" });
    this.failures = new Failures({
      clock: this.clock,
      isOwn: (store) => store === this.ownStore,
      nameOf: (store) => (!this.filters.store || store !== this.ownStore) && this.#nameOf(store),
      open: (id) => this.openExecution(id),
    });
    this.groups = new Groups((changes) => this.#filter(changes));
    const main = h("main", { class: "statistics", "aria-label": "Statistics", tabindex: "-1" });
    this.charts = new Charts(main);
    const parts = [this.charts.element, this.failures.element, this.groups.element];
    this.all = h("div", null, this.span, this.tiles, parts, drawDefinitions(this.first.definitions));
    main.append(this.filterBar.element, this.error, this.none, this.all);
    this.filterBar.showSpan(this.filters);
    return main;
  }
}

function spanInWords({ first, last, timezone }) {
  if (!first) return "";
  const days = first === last ? formatDay(first) : `${formatDay(first)} to ${formatDay(last)}`;
  return `${days}. Days in ${timezone}; a run counts on the day it started.`;
}

function drawDefinitions(definitions) {
  const list = Object.entries(definitions).map(([word, meaning]) => [h("dt", null, word), h("dd", null, meaning)]);
  const title = h("summary", null, "What the figures mean");
  return h("details", { class: "panel meaning" }, title, h("dl", null, list));
}

export function render({ model, el }) {
  return new StatisticsPage(model, el).root;
}
