import { button, h, icon, iconButton } from "./elements.js";

const SHOWN_AT_ONCE = 4;
const SHOWN_FOR = 10000; // ms
const ICONS = { red: "warn", green: "check", "": "info" };

/** Short messages in a corner of the page. */
export class Toasts {
  constructor() {
    this.element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /**
   * @param {string} sentence
   * @param {"red" | "green" | ""} tone red for what went wrong, green for what was done
   * @param {{ name: string, act: () => any } | null} action offered as a button
   * @returns {HTMLElement}
   */
  show(sentence, tone, action) {
    const close = iconButton("Dismiss", "close", { title: null, onclick: () => toast.remove() });
    const run = () => {
      toast.remove();
      action.act();
    };
    const toast = h(
      "div",
      { class: `toast ${tone}`, role: tone === "red" ? "alert" : null },
      icon(ICONS[tone]),
      h("p", null, sentence),
      action && button(action.name, null, { onclick: run }),
      close,
    );
    this.element.append(toast);
    while (this.element.childElementCount > SHOWN_AT_ONCE) this.element.firstElementChild.remove();
    setTimeout(() => toast.remove(), SHOWN_FOR);
    return toast;
  }
}
