// The theme: one chosen here, else the notebook's, else the system's.

import { readStored, writeStored } from "./storage.js";

const KEY = "wsq-theme";

/**
 * Which theme to show.
 * @param {string | null} chosen here before
 * @param {string | undefined} notebookIsLight `"true"` or `"false"` in a notebook
 * @param {boolean} systemIsDark
 */
export function themeOf(chosen, notebookIsLight, systemIsDark) {
  if (chosen === "dark" || chosen === "light") return chosen;
  const isDark = notebookIsLight === undefined ? systemIsDark : notebookIsLight === "false";
  return isDark ? "dark" : "light";
}

export class Theme {
  /** @param {HTMLElement[]} elements that bear the theme */
  constructor(elements, onChange) {
    this.elements = elements;
    this.onChange = onChange;
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.follow = () => this.apply();
    this.system.addEventListener("change", this.follow);
    this.notebook = new MutationObserver(this.follow);
    this.notebook.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.#show(this.#current());
  }

  get isDark() {
    return this.elements[0].dataset.theme === "dark";
  }

  apply() {
    this.#show(this.#current());
    this.onChange();
  }

  /** Shows the other theme. Choosing the system's own follows the system again. */
  toggle() {
    const chosen = this.isDark ? "light" : "dark";
    const system = this.system.matches ? "dark" : "light";
    writeStored("localStorage", KEY, chosen === system ? null : chosen);
    this.#show(chosen);
    this.onChange();
  }

  stop() {
    this.system.removeEventListener("change", this.follow);
    this.notebook.disconnect();
  }

  #current() {
    return themeOf(readStored("localStorage", KEY), document.body.dataset.jpThemeLight, this.system.matches);
  }

  #show(theme) {
    for (const element of this.elements) element.dataset.theme = theme;
  }
}
