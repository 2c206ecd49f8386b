// A page of headings over figures and tables.

class SheetPage extends Frame {
  constructor(model, el) {
    super(model, el);
    this.sheet = h("main", { class: "sheet", tabindex: "0", "aria-label": this.opening.path === "admin" ? "Administration" : "Statistics" });
    this.root.append(this.sheet, this.toasts);
    this.showHeader(this.first.header);
    this.draw([{ title: "Loading …" }]);
    this.opened();
  }

  // Asked again until it is told: the first message may be lost while the server is busy.
  async opened() {
    for (let asked = 0; this.alive && !this.drawn; asked += 1) {
      this.model.send_msg(JSON.stringify({ ask: "hello", ref: 0, rev: 0 }));
      await new Promise((go) => setTimeout(go, Math.min(30000, 2000 * 2 ** asked)));
    }
  }

  told(message) {
    if (message.type !== "sections") return;
    this.drawn = true;
    this.showHeader(message.header);
    this.draw(message.sections);
  }

  draw(sections) {
    const at = this.sheet.scrollTop;
    this.sheet.replaceChildren(...sections.map((section) => this.section(section)));
    this.sheet.scrollTop = at;
  }

  section({ title, note, figures, columns, rows, empty }) {
    return h("section", { "aria-label": title }, h("h2", null, title), note && h("p", { class: "note" }, note),
      figures && h("div", { class: "figures" }, figures.map((f) => h("div", { class: "figure" }, h("strong", null, String(f.value)), badge(f.tone, f.label)))),
      columns && h("div", { class: "table", tabindex: "0", role: "group", "aria-label": `${title}, table` }, rows.length
        ? h("table", null, h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c)))), h("tbody", null, rows.map((row) => h("tr", null, row.map((cell, at) => h("td", { "data-label": columns[at] }, this.cell(cell)))))))
        : h("p", { class: "empty" }, empty)));
  }

  cell(cell) {
    if (cell.tone) return badge(cell.tone, cell.text);
    if ("seconds" in cell) return cell.seconds === null ? "–" : duration(cell.seconds);
    if ("at" in cell) return cell.at ? h("time", { datetime: cell.at }, whole.format(Date.parse(cell.at))) : "–";
    return cell.text || "–";
  }
}

export function render({ model, el }) {
  return new SheetPage(model, el).root;
}
