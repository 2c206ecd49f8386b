// What has happened in a store since one was last here, or since another instant that is chosen.

const SPANS = { last: "your last visit", day: "24 hours ago", week: "7 days ago", date: "a date" };
const DAY = 86400000;
const EARLIEST = Date.UTC(1970, 0, 2), LATEST = Date.UTC(9998, 11, 30); // in every zone the dates that a field takes
const many = (number, one, more = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : more}`;

// An instant as an address or a field has it, in ms and no further away than can be told; null when it is none.
function instantOf(text) {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(LATEST, Math.max(EARLIEST, at));
}

class SincePage extends asking(DialogPage) {
  constructor(model, el) {
    super(model, el);
    const said = this.inAddress("since");
    this.span = SPANS[said] ? said : instantOf(said) !== null ? "date" : "last";
    this.root.append(this.drawMain(said), this.dialogs, this.toasts);
    this.showHeader(this.first.header);
    this.opened();
  }

  async opened() {
    await super.opened();
    const [kind, id] = (this.inAddress("open") ?? "").split(":");
    if (kind === "execution") await this.openExecution(id);
    else if (kind === "history") this.openHistory(id, "");
    if (kind && kind !== "history" && !this.open.length) this.remember({ open: null });
  }

  drawDoing() { return null; } // what a running execution says is told to boards alone

  openTask(id) { location.href = this.on("task", id); }

  on(kind, id) { return `${this.address("board", this.opening.store)}&open=${kind}:${encodeURIComponent(id)}`; }

  // ---- since when ------------------------------------------------------------------------------

  // A day ago where this browser has not been here before.
  instant() {
    if (this.span === "date") return instantOf(this.date.value) ?? this.now() - DAY;
    if (this.span === "week") return this.now() - 7 * DAY;
    return this.span === "last" && this.before ? this.before : this.now() - DAY;
  }

  choose(span) {
    this.span = span;
    this.date.hidden = span !== "date";
    this.remember({ since: span === "last" ? null : span === "date" ? this.date.value || "date" : span });
    this.refresh();
  }

  drawMain(said) {
    this.date = h("input", { class: "field", type: "datetime-local", "aria-label": "Date and time", hidden: this.span !== "date", onchange: () => this.choose("date") });
    const at = new Date(this.span === "date" && said !== "date" ? instantOf(said) : this.now() - DAY);
    this.date.value = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    this.pick = h("select", { class: "button", "aria-label": "Since", onchange: () => this.choose(this.pick.value) }, Object.entries(SPANS).map(([value, text]) => h("option", { value, selected: value === this.span }, text)));
    this.told_ = h("div", { class: "recap" });
    this.main = h("main", { class: "since", "aria-label": "Since you were last here", tabindex: "0" }, h("div", { class: "since-inside" },
      h("div", { class: "since-head" }, h("h2", null, "Since"), this.pick, this.date, h("span", { class: "from" })), this.told_));
    return this.main;
  }

  // ---- what the server tells -------------------------------------------------------------------

  async look() {
    const from = this.instant();
    const answer = await this.ask("since", { since: new Date(from).toISOString() });
    if (this.onceMore) return true; // another span was chosen meanwhile
    if (!answer.ok) {
      this.told_.replaceChildren(h("p", { class: "trouble", role: "alert" }, answer.error));
      return false;
    }
    this.show(answer.value, from);
    return true;
  }

  show(news, from) {
    const key = JSON.stringify({ ...news, since: null });
    const first = this.span === "last" && !this.before ? "You have not been here before in this browser: the last 24 hours, from " : "from ";
    this.main.querySelector(".from").replaceChildren(first, h("time", { datetime: new Date(from).toISOString() }, dayAndHour(from, this.now())));
    if (key === this.key) return; // drawn anew, what has the focus would lose it
    this.key = key;
    this.told_.replaceChildren(...(news.nothing ? [h("p", { class: "nothing" }, icon("check"), "Nothing has happened.")] : this.parts(news)));
  }

  parts(news) {
    const figures = [...news.figures, ...(news.made ? [{ label: news.made === 1 ? "Card made" : "Cards made", value: news.made, tone: "" }] : [])];
    return [
      h("div", { class: "figures", role: "group", "aria-label": "In figures" }, figures.map(({ label, value, tone }) => h("div", { class: `figure ${tone}` }, h("strong", null, value.toLocaleString()), h("span", null, label))),
        news.spent && h("div", { class: "figure" }, h("strong", null, news.spent), h("span", null, "Spent", news.unpriced > 0 && ` and ${news.unpriced.toLocaleString()} unpriced`)),
        news.tried && h("div", { class: "figure" }, h("strong", null, news.tried), h("span", null, "Spent on dry runs"))),
      this.part("Failed or could not", news.ended, news.more_ended, (row) => this.line(row.status === "failed" ? badge("failed", row.word) : h("span", { class: "badge cancelled" }, row.word), this.leads(row.name, () => this.openExecution(row.execution)), row.said, row.at)),
      this.part("Skipped", news.skipped, 0, (row) => this.line(h("span", { class: "badge" }, icon("skip"), many(row.slots, "slot")), this.leads(row.name, () => this.openHistory(row.task, row.name)), row.why)),
      this.part("Cards", news.cards, news.more_cards, (row) => this.line(null, h("a", { href: this.on("task", row.task) }, row.name), `${row.what} by ${row.who}`, row.at)),
      this.part("Changes", news.changes, news.more_changes, (row) => this.line(null, row.task ? h("a", { href: this.on("recurring", row.task) }, row.name) : h("span", null, row.name), `${row.what} by ${row.who}${row.why ? `: ${row.why}` : ""}`, row.at)),
    ];
  }

  part(name, rows, more, draw) {
    return rows.length > 0 && h("section", { "aria-label": name }, h("h3", null, name, h("span", { class: "count" }, (rows.length + Math.max(0, more)).toLocaleString())),
      h("ul", { role: "list" }, rows.map(draw)), more > 0 && h("p", { class: "hint" }, `and ${more.toLocaleString()} more, which are not listed here.`)) || "";
  }

  line(mark, name, said, at = null) {
    return h("li", null, h("span", { class: "named" }, mark, name), h("span", { class: "said" }, said), at && this.since(at));
  }

  leads(name, act) { return h("button", { type: "button", class: "leads", onclick: act }, name); }
}

export function render({ model, el }) {
  return new SincePage(model, el).root;
}
