// The tables of groups: stores, projects, recurring tasks and models.

import { focusedElement, h, setText } from "../page/elements.js";
import { formatNumber } from "../page/numbers.js";
import { FigureSection } from "./tables.js";

const FILTERS = { stores: "store", projects: "project", tasks: "task", models: "model" };

export class Groups {
  /** @param {(changes: object) => void} onChoose called with the filters that show one group alone */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.element = h("div");
    this.sections = new Map(); // id -> FigureSection
    this.focused = null; // the group that had the focus when the tables went out of date
  }

  show(tables, { showStores }) {
    for (const table of tables) this.#showTable(table, showStores);
    this.element.classList.remove("former");
    this.focused = null;
  }

  /** Tables that are out of date are not seen, but keep their room, so that nothing moves. */
  hide() {
    this.focused = this.#focusedGroup();
    this.element.classList.add("former");
  }

  #focusedGroup() {
    return focusedElement(this.element)?.dataset.group ?? this.focused;
  }

  #showTable(table, showStores) {
    const focused = this.#focusedGroup();
    const section = this.sections.get(table.id) ?? this.#add(table);
    section.data = table;
    section.element.hidden = !table.rows.length || (table.id === "stores" && !showStores);
    const more = `${formatNumber(table.more)} more are not listed.`;
    setText(section.note, table.more ? `The ${table.rows.length} with the most runs; ${more}` : "");
    section.note.hidden = !table.more;
    section.showRows((name, row) => (row.id === null ? name : this.#drawName(FILTERS[table.id], name, row)));
    if (!focused) return;
    section.table.querySelector(`[data-group="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #add(table) {
    const section = new FigureSection(table, "panel");
    section.note = h("p", { class: "note" });
    section.element.append(section.note, section.table);
    this.sections.set(table.id, section);
    this.element.append(section.element);
    return section;
  }

  #drawName(filter, name, row) {
    const store = row.store ? { store: row.store } : {};
    const onclick = () => this.onChoose({ ...store, [filter]: row.id });
    const attributes = { type: "button", class: "linklike", title: "Show only this", onclick };
    return h("button", { ...attributes, "data-group": `${filter} ${row.id}` }, name);
  }
}
