// Charts. They come as Bokeh's JSON and are drawn when they come into view.

import { delay } from "../page/delay.js";
import { h, setText } from "../page/elements.js";
import { FigureSection } from "./tables.js";

const DRAWN_AHEAD = "200px"; // of what comes into view

export class Charts {
  constructor(main) {
    this.element = h("div", { class: "charts" });
    this.charts = new Map(); // id -> Chart
    this.queue = new Set(); // ids
    this.isOpen = true;
    const options = { root: main, rootMargin: DRAWN_AHEAD };
    this.observer = new IntersectionObserver((entries) => {
      const visible = entries.filter((each) => each.isIntersecting);
      this.#drawAll(visible.map((each) => each.target.dataset.chart));
    }, options);
  }

  /** Shows a chart, in place of the one with the same id. */
  show(data) {
    let chart = this.charts.get(data.id);
    if (!chart) {
      chart = new Chart(data);
      this.charts.set(data.id, chart);
      this.element.append(chart.element);
    }
    chart.update(data);
    this.observer.unobserve(chart.element);
    this.observer.observe(chart.element); // reports anew whether it is in view
  }

  close() {
    this.isOpen = false;
    this.observer.disconnect();
    for (const chart of this.charts.values()) chart.close();
  }

  /** Draws one after the other, and shows each before the next is begun: drawing all of them takes half a second. */
  async #drawAll(ids) {
    const isDrawing = this.queue.size > 0;
    for (const id of ids) this.queue.add(id);
    if (isDrawing) return;
    for (const id of this.queue) {
      if (this.isOpen) await this.charts.get(id).draw();
      await delay(0);
      this.queue.delete(id);
    }
  }
}

class Chart extends FigureSection {
  constructor(data) {
    super(data, "chart");
    this.element.dataset.chart = data.id;
    this.note = h("p", { class: "note" });
    this.legend = h("ul", { class: "legend", "aria-hidden": "true" });
    this.drawing = h("div", { class: "drawn", "aria-hidden": "true" });
    this.empty = h("p", { class: "nothing", hidden: true });
    this.folded = h("details", { ontoggle: () => this.#fillTable() }, h("summary", null, "Table"), this.table);
    this.element.append(this.note, this.legend, this.drawing, this.empty, this.folded);
    this.views = null; // Bokeh's, of what is drawn
    this.isStale = true;
    this.isDrawing = false;
    this.isClosed = false;
  }

  update(data) {
    this.data = data;
    this.isStale = true;
    this.isFilled = false;
    const isEmpty = !data.item;
    setText(this.note, data.note);
    this.legend.hidden = isEmpty;
    this.legend.replaceChildren(...(data.legend ?? []).map(drawLegend));
    this.drawing.hidden = isEmpty;
    this.empty.hidden = !isEmpty;
    setText(this.empty, data.empty ?? "");
    this.save.disabled = !data.rows.length;
    this.#fillTable();
  }

  /** Nobody sees the rows of a folded table, and drawing them all takes longer than drawing the chart. */
  #fillTable() {
    if (this.isFilled || !this.folded.open) return;
    this.isFilled = true;
    this.showRows();
  }

  /** The new drawing replaces the old one when it is done. */
  async draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.isStale && !this.isClosed) {
      this.isStale = false;
      const [before, views] = [[...this.drawing.children], this.views];
      this.views = null;
      if (this.data.item) await this.#embed();
      if (views) forget(views);
      for (const each of before) each.remove();
    }
    this.isDrawing = false;
  }

  async #embed() {
    const place = h("div");
    this.drawing.append(place);
    this.views = await window.Bokeh.embed.embed_item(this.data.item, place);
    leaveTabOrder(place);
  }

  close() {
    this.isClosed = true;
    this.views?.clear();
  }
}

function drawLegend({ name, colour }) {
  const mark = h("i");
  mark.style.setProperty("--colour", `var(--chart-${colour})`);
  return h("li", null, mark, name);
}

/** The table says what is drawn: the drawing itself is nothing to stop at with the keyboard. */
function leaveTabOrder(element) {
  for (const each of element.querySelectorAll("*")) {
    if (each.tabIndex >= 0) each.tabIndex = -1;
    if (each.shadowRoot) leaveTabOrder(each.shadowRoot);
  }
}

/** Bokeh keeps a list of every document that it has ever drawn. */
function forget(views) {
  const { documents } = window.Bokeh;
  const gone = views.roots.map((view) => view.model.document);
  views.clear();
  for (const each of gone) if (documents.includes(each)) documents.splice(documents.indexOf(each), 1);
}
