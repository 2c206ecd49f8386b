// What has happened, drawn from `recap` in component.py.

import { boardAddress } from "../page/address.js";
import { badge, h, icon } from "../page/elements.js";
import { counted, formatNumber } from "../page/numbers.js";

export function drawNews(page, news) {
  return [
    drawFigures(news),
    drawPart("Failed or could not", news.ended, news.more_ended, (row) => drawEnded(page, row)),
    drawPart("Skipped", news.skipped, 0, (row) => drawSkipped(page, row)),
    drawPart("Cards", news.cards, news.more_cards, (row) => drawCard(page, row)),
    drawPart("Changes", news.changes, news.more_changes, (row) => drawChange(page, row)),
  ].filter(Boolean);
}

function drawFigures({ figures, made, spent, unpriced, tried }) {
  const shown = figures.map(({ label, value, tone }) => drawFigure(formatNumber(value), label, tone));
  if (made) shown.push(drawFigure(formatNumber(made), made === 1 ? "Card made" : "Cards made"));
  const also = unpriced > 0 ? ` and ${formatNumber(unpriced)} unpriced` : "";
  if (spent) shown.push(drawFigure(spent, `Spent${also}`));
  if (tried) shown.push(drawFigure(tried, "Spent on dry runs"));
  return h("div", { class: "figures", role: "group", "aria-label": "In figures" }, shown);
}

function drawFigure(value, label, tone = "") {
  return h("div", { class: `figure ${tone}` }, h("strong", null, value), h("span", null, label));
}

function drawPart(name, rows, more, draw) {
  if (!rows.length) return null;
  const count = h("span", { class: "count" }, formatNumber(rows.length + Math.max(0, more)));
  const rest = more > 0 && h("p", { class: "hint" }, `and ${formatNumber(more)} more, which are not listed here.`);
  const list = h("ul", { role: "list" }, rows.map(draw));
  return h("section", { "aria-label": name }, h("h3", null, name, count), list, rest);
}

function drawLine(mark, name, text, time = null) {
  return h("li", null, h("span", { class: "named" }, mark, name), h("span", { class: "said" }, text), time);
}

function drawEnded(page, row) {
  const mark = row.status === "failed" ? badge("failed", row.word) : h("span", { class: "badge cancelled" }, row.word);
  const name = drawOpener(row.name, () => page.openExecution(row.execution));
  return drawLine(mark, name, row.said, page.clock.relative(row.at));
}

function drawSkipped(page, row) {
  const mark = h("span", { class: "badge" }, icon("skip"), counted(row.slots, "run"));
  return drawLine(
    mark,
    drawOpener(row.name, () => page.openHistory(row.task, row.name)),
    row.why,
  );
}

function drawCard(page, row) {
  const link = h("a", { href: boardAddress(page.opening.store, "task", row.task) }, row.name);
  return drawLine(null, link, `${row.what} by ${row.who}`, page.clock.relative(row.at));
}

function drawChange(page, row) {
  const name = row.task
    ? h("a", { href: boardAddress(page.opening.store, "recurring", row.task) }, row.name)
    : h("span", null, row.name);
  return drawLine(null, name, `${row.what} by ${row.who}${row.why ? `: ${row.why}` : ""}`, page.clock.relative(row.at));
}

function drawOpener(name, open) {
  return h("button", { type: "button", class: "leads", onclick: open }, name);
}
