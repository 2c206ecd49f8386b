// The rows of the table, of whose thousands only those in sight are drawn.

import { focusedElement, h } from "../page/elements.js";

const SPARE = 8; // rows drawn above and below what is in sight
const NARROW = 680; // pixels up to which a row is a card of four lines, see admin.css
const HEIGHTS = { wide: 46, narrow: 100 }; // pixels

export class VisibleRows {
  /**
   * @param {HTMLElement} view which is scrolled
   * @param {{ draw: (line: object) => Element, keyOf: (line: object) => string, isChosen: (id: string) => boolean,
   *   coveredBy: () => number }} options `keyOf` is what a row shows; `coveredBy` how many pixels of the view lie
   *   under what stays in place
   */
  constructor(view, options) {
    this.view = view;
    this.options = options;
    this.lines = []; // all of them, in their order
    this.drawn = new Map(); // id -> { key, element } of those in sight
    const onkeydown = (event) => this.#onKey(event);
    this.element = h("div", { role: "rowgroup", class: "rows", onkeydown });
  }

  get isNarrow() {
    return this.view.clientWidth <= NARROW;
  }

  get #height() {
    return this.isNarrow ? HEIGHTS.narrow : HEIGHTS.wide;
  }

  show(lines) {
    this.lines = lines;
    this.draw();
  }

  drawSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const height = this.#height;
    const [first, end] = this.#inSight(height);
    const focus = this.#rememberFocus();
    const before = this.drawn;
    this.element.style.height = `${this.lines.length * height}px`;
    this.element.style.setProperty("--high", `${height}px`);
    this.drawn = new Map();
    let next = this.element.firstChild;
    for (let place = first; place < end; place += 1) {
      const element = this.#elementAt(place, height, before);
      if (element === next) next = next.nextSibling;
      else this.element.insertBefore(element, next);
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    this.focus(focus);
  }

  #inSight(height) {
    const above = this.view.getBoundingClientRect().top - this.element.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / height) - SPARE);
    const end = Math.min(this.lines.length, Math.ceil((above + this.view.clientHeight) / height) + SPARE);
    return [first, end];
  }

  #elementAt(place, height, before) {
    const line = this.lines[place];
    const key = this.options.keyOf(line);
    const known = before.get(line.id);
    const element = known?.key === key ? known.element : this.options.draw(line);
    element.style.top = `${place * height}px`;
    element.setAttribute("aria-rowindex", String(place + 2)); // after the head
    this.drawn.set(line.id, { key, element });
    this.#showChosen(element, line.id);
    return element;
  }

  showChosen() {
    for (const [id, { element }] of this.drawn) this.#showChosen(element, id);
  }

  #showChosen(element, id) {
    const isChosen = this.options.isChosen(id);
    element.querySelector("input").checked = isChosen;
    element.classList.toggle("chosen", isChosen);
  }

  // ---- the focus -------------------------------------------------------------------------------

  #rememberFocus() {
    const focused = focusedElement(this.element);
    const row = focused?.closest?.(".line[data-id]");
    return row ? { id: row.dataset.id, part: focused.dataset.part } : null;
  }

  focus(place) {
    const element = place && this.drawn.get(place.id)?.element;
    if (!element || element.contains(focusedElement(this.element))) return;
    const part = element.querySelector(`[data-part="${place.part}"]`);
    (part && !part.disabled ? part : element.querySelector("[data-part=name]")).focus({ preventScroll: true });
  }

  /** Arrows go from row to row in a column, Page keys by what is in sight, Home and End to either end. */
  #onKey(event) {
    const focus = this.#rememberFocus();
    if (!focus || event.altKey || event.ctrlKey || event.metaKey) return;
    const place = this.lines.findIndex((line) => line.id === focus.id);
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.#height) - 3);
    const last = this.lines.length - 1;
    const target = {
      ArrowUp: place - 1,
      ArrowDown: place + 1,
      PageUp: place - page,
      PageDown: place + page,
      Home: 0,
      End: last,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#goTo(Math.min(Math.max(target, 0), last), focus.part);
  }

  #goTo(place, part) {
    const height = this.#height;
    const covered = this.options.coveredBy();
    const offset = this.element.getBoundingClientRect().top - this.view.getBoundingClientRect().top;
    const top = offset + place * height;
    const hidden = top + height - this.view.clientHeight;
    if (top < covered) this.view.scrollTop += top - covered;
    else if (hidden > 0) this.view.scrollTop += hidden + 8;
    this.draw();
    this.focus({ id: this.lines[place].id, part });
  }
}
