// Searching a page: what it shows is searched at once, whole texts as soon as the server has answered.

import { h, icon } from "./elements.js";
import { containsAll, searchWords } from "./search.js";

const TYPING = 200; // ms after the last key, until the server is asked

export class SearchBox {
  /**
   * @param {object} page
   * @param {() => void} onChange called when other rows match than before
   * @param {{ onServer?: boolean }} options whether the server knows more of the texts than the page
   */
  constructor(page, onChange, { onServer = true } = {}) {
    this.page = page;
    this.onChange = onChange;
    this.onServer = onServer;
    this.query = page.readAddress("q") ?? "";
    this.found = new Set(); // ids of what the server has found
    this.input = h("input", {
      type: "search",
      class: "search",
      "aria-label": "Search",
      placeholder: "Search",
      maxlength: "500",
      title: "Search (Ctrl+K)",
      value: this.query,
      oninput: () => this.search(this.input.value),
      onkeydown: (event) => event.key === "Escape" && this.clear(),
    });
    this.element = h("span", { class: "searching" }, icon("search"), this.input);
    if (page.opening.page) page.onWindow("keydown", (event) => this.#onShortcut(event));
  }

  #onShortcut(event) {
    const isShortcut = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (!isShortcut || this.page.openDialogs.length) return;
    event.preventDefault();
    this.input.select();
  }

  clear() {
    this.input.value = "";
    this.search("");
  }

  search(text) {
    this.query = text.trim();
    this.found = new Set();
    this.page.writeAddress({ q: this.query || null });
    this.onChange();
    this.findSoon();
  }

  findSoon() {
    clearTimeout(this.timer);
    if (this.onServer) this.timer = setTimeout(() => this.find(), TYPING);
  }

  async find() {
    const text = this.query;
    if (!text) return;
    const answer = await this.page.request("search", { text });
    if (text !== this.query) return;
    if (!answer.ok) return this.page.toast(answer.error);
    this.found = new Set(answer.value);
    this.onChange();
  }

  /** Whether a row matches, by its id and the texts that are shown of it. */
  matches(id, texts) {
    const words = searchWords(this.query);
    return words.length === 0 || this.found.has(id) || containsAll(texts, words);
  }
}
