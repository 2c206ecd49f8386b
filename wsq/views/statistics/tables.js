// Tables of figures, and the sections with their CSV files.

import { button, h } from "../page/elements.js";
import { csvText } from "./csv.js";
import { formatValue } from "./values.js";

const KEEP_FILE = 10000; // ms until a file that was offered is forgotten

/**
 * A table's data, as component.py and charts.py make it.
 * @typedef {object} TableData
 * @property {string} id
 * @property {string} title
 * @property {{ name: string, kind: string }[]} columns
 * @property {(any[] | { cells: any[] })[]} rows
 */

/** A section with a button that saves its `data`. */
export class FigureSection {
  /** @param {TableData} data */
  constructor(data, cssClass) {
    this.data = data;
    this.save = button("CSV", null, {
      class: "button quiet",
      "aria-label": `CSV of ${data.title}`,
      title: "Download these figures as a CSV file",
      onclick: () => this.#download(),
    });
    const head = h("header", null, h("h2", null, data.title), this.save);
    this.element = h("section", { class: cssClass, "aria-label": data.title }, head);
    this.table = h("div", {
      class: "figures-table",
      tabindex: "0",
      role: "group",
      "aria-label": `${data.title}, table`,
    });
  }

  /** Shows the rows; `first` draws what is in the first column. */
  showRows(first = (text) => text) {
    this.table.replaceChildren(drawTable(this.data, first));
  }

  #download() {
    const { id, columns, rows } = this.data;
    const text = csvText(columns, rows.map(cellsOf));
    const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
    h("a", { href: url, download: `${id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), KEEP_FILE);
  }
}

function cellsOf(row) {
  return row.cells ?? row;
}

function drawTable({ title, columns, rows }, first) {
  const css = ({ kind }) => (kind === "text" || kind === "day" ? kind : "number");
  const head = columns.map((column) => h("th", { scope: "col", class: css(column) }, column.name));
  const drawCell = (cell, column, row) => {
    const text = formatValue(cell, column.kind);
    if (column !== columns[0]) return h("td", { class: css(column) }, text);
    return h("th", { scope: "row", class: css(column) }, first(text, row));
  };
  const drawRow = (row) =>
    h(
      "tr",
      null,
      cellsOf(row).map((cell, place) => drawCell(cell, columns[place], row)),
    );
  const caption = h("caption", { class: "unseen" }, title);
  return h("table", null, caption, h("thead", null, h("tr", null, head)), h("tbody", null, rows.map(drawRow)));
}
