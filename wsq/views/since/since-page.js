// What has happened in a store since the user's last visit, or since another instant that is chosen.

import { DialogPage } from "../dialogs/dialog-page.js";
import { boardAddress } from "../page/address.js";
import { h, icon, select } from "../page/elements.js";
import { Refresher } from "../page/refresher.js";
import { DAY, dayAndHour } from "../page/time.js";
import { drawNews } from "./news.js";
import { SPANS, localDateTime, parseInstant, spanOf, spanStart } from "./spans.js";

class SincePage extends DialogPage {
  constructor(model, container) {
    super(model, container);
    const given = this.readAddress("since");
    this.span = spanOf(given);
    this.shown = null; // what is shown, as JSON
    this.refresher = new Refresher(() => this.#look());
    this.root.append(this.#drawMain(given), this.layer, this.toasts.element);
    this.showHeader(this.first.header);
    this.#start();
  }

  async #start() {
    await this.whileLoading(this.refresher.start());
    this.reopen();
  }

  receive(message) {
    if (message.type === "changed") this.refresher.refreshSoon();
  }

  catchUp() {
    this.refresher.refreshSoon();
  }

  end() {
    super.end();
    this.refresher.stop();
  }

  openTask(id) {
    location.href = boardAddress(this.opening.store, "task", id);
  }

  #choose(span) {
    this.span = span;
    this.date.hidden = span !== "date";
    const address = { last: null, date: this.date.value || "date" };
    this.writeAddress({ since: span in address ? address[span] : span });
    this.refresher.refresh();
  }

  #drawMain(given) {
    const at = (this.span === "date" && parseInstant(given)) || this.clock.now() - DAY;
    const choose = () => this.#choose("date");
    const attributes = { class: "field", type: "datetime-local", "aria-label": "Date and time" };
    this.date = h("input", { ...attributes, hidden: this.span !== "date", onchange: choose });
    this.date.value = localDateTime(at);
    const onchange = () => this.#choose(pick.value);
    const pick = select({ class: "button", "aria-label": "Since", onchange }, Object.entries(SPANS), this.span);
    this.from = h("span", { class: "from" });
    this.news = h("div", { class: "recap" });
    const head = h("div", { class: "since-head" }, h("h2", null, "Since"), pick, this.date, this.from);
    const inside = h("div", { class: "since-inside" }, head, this.news);
    return h("main", { class: "since", "aria-label": "Since you were last here", tabindex: "0" }, inside);
  }

  async #look() {
    const { date, previousVisit } = this;
    const from = spanStart(this.span, { now: this.clock.now(), previousVisit, date: date.value });
    const answer = await this.request("since", { since: new Date(from).toISOString() });
    if (this.refresher.again) return true; // another span was chosen meanwhile
    if (answer.ok) this.#show(answer.value, from);
    else this.news.replaceChildren(h("p", { class: "trouble", role: "alert" }, answer.error));
    return answer.ok;
  }

  #show(news, from) {
    const isFirstVisit = this.span === "last" && !this.previousVisit;
    const text = isFirstVisit ? "You have not been here before in this browser: the last 24 hours, from " : "from ";
    const time = h("time", { datetime: new Date(from).toISOString() }, dayAndHour(from, this.clock.now()));
    this.from.replaceChildren(text, time);
    const shown = JSON.stringify({ ...news, since: null });
    if (shown === this.shown) return; // drawn anew, what has the focus would lose it
    this.shown = shown;
    const nothing = h("p", { class: "nothing" }, icon("check"), "Nothing has happened.");
    this.news.replaceChildren(...(news.nothing ? [nothing] : drawNews(this, news)));
  }
}

export function render({ model, el }) {
  return new SincePage(model, el).root;
}
