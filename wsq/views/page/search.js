// Looking for words on a page: in what is shown at once, in whole texts as soon as the server has answered.
// A page says what it shows anew in `sift()`, and asks `holds()` of each of its rows.

class SearchPage extends DialogPage {
  constructor(model, el) {
    super(model, el);
    this.query = this.opening.page ? this.inAddress("q") ?? "" : "";
    this.found = new Set(); // ids of what holds the query beyond what is shown of it
    if (this.opening.page) this.onWindow("keydown", (event) => this.onShortcut(event));
  }

  onShortcut(event) {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || this.open.length) return;
    event.preventDefault();
    this.searchBox.select();
  }

  drawSearch() {
    this.searchBox ??= h("input", { type: "search", class: "search", "aria-label": "Search", placeholder: "Search", maxlength: "500", title: "Search (Ctrl+K)", value: this.query,
      oninput: () => this.search(this.searchBox.value), onkeydown: (event) => { if (event.key === "Escape") this.clearSearch(); } });
    return h("span", { class: "searching" }, icon("search"), this.searchBox);
  }

  clearSearch() {
    this.searchBox.value = "";
    this.search("");
  }

  search(text) {
    this.query = text.trim();
    this.found = new Set();
    this.remember({ q: this.query || null });
    this.sift();
    this.findSoon();
  }

  findSoon() {
    clearTimeout(this.finding);
    this.finding = setTimeout(() => this.find(), 200);
  }

  async find() {
    const text = this.query;
    if (!text) return;
    const answer = await this.ask("search", { text });
    if (!answer.ok || text !== this.query) return;
    this.found = new Set(answer.value);
    this.sift();
  }

  // Whether a row is among what is looked for, by its id and the texts that are shown of it.
  holds(id, texts) {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length || this.found.has(id)) return true;
    const held = texts.join(" ").toLowerCase();
    return words.every((word) => held.includes(word));
  }
}
