// A row of the table.

import { boardAddress } from "../page/address.js";
import { badge, h, icon, iconButton } from "../page/elements.js";
import { counted, money, percent } from "../page/numbers.js";

const WHY_NOT_RUN = {
  disabled: "It is disabled. Enable it to run it.",
  paused: "It is paused. Resume it to run it.",
};

const LOW = 0.8; // the success rate below which it is emphasised

/** @param {import("./overview.js").Line} line */
export function drawRow(page, line) {
  const onCheck = (event) => page.selection.onCheck(event, line);
  const label = `Select ${line.name}`;
  const check = h("input", { type: "checkbox", "data-part": "check", "aria-label": label, onclick: onCheck });
  const attributes = { role: "row", class: `line ${line.enabled ? "" : "off"}`, "data-id": line.id };
  return h(
    "div",
    { ...attributes, "aria-label": line.name },
    drawCell("check", check),
    drawCell("name", drawName(page, line), drawDetails(line)),
    drawCell("store", h("span", { class: "clip", title: line.store }, line.storeName)),
    drawCell("state", drawState(line)),
    drawCell("next", line.next && line.state !== "paused" ? page.clock.countdown(isoTime(line.next)) : dash()),
    drawCell("last", drawLast(page, line)),
    drawCell("rate7", drawRate(line.rate_7, line.ran_7, 7)),
    drawCell("rate30", drawRate(line.rate_30, line.ran_30, 30)),
    drawCell("cost", drawCost(line)),
    drawCell("failures", drawFailures(line)),
    drawCell("acts", drawActions(page, line)),
  );
}

function drawCell(column, ...content) {
  return h("span", { role: "cell", class: `c-${column}` }, ...content);
}

function isoTime(at) {
  return new Date(at).toISOString();
}

function quiet(text) {
  return h("span", { class: "quiet" }, text);
}

function dash() {
  return quiet("–");
}

/** On a page it leads to the task's card; a notebook's cell has no other pages. */
function drawName(page, line) {
  const attributes = { "data-part": "name", title: line.name };
  if (page.opening.page) {
    return h("a", { href: boardAddress(line.store, "recurring", line.id), ...attributes }, line.name);
  }
  const onclick = () => page.openHistoryOf(line);
  return h("button", { type: "button", class: "named", ...attributes, onclick }, line.name);
}

function drawDetails(line) {
  const notified = line.notify.length > 0 && ` · notifies ${line.notify.join(", ")}`;
  const store = h("span", { class: "in-store" }, line.storeName, " · ");
  return h("small", { title: line.project }, store, line.every, line.project && ` · ${line.project}`, notified);
}

function drawState(line) {
  if (line.state === "running") return badge("running", "Running");
  if (line.state === "paused") return h("span", { class: "badge cancelled" }, icon("pause"), "Paused");
  if (line.state === "enabled") return h("span", { class: "on" }, h("i", null), "Enabled");
  const reason = line.why && h("small", { class: "clip", title: line.why }, line.why);
  return [h("span", { class: "badge" }, "Disabled"), reason];
}

function drawLast(page, line) {
  if (!line.last_id) return quiet("Never run");
  const onclick = () => page.openExecutionOf(line.store, line.last_id);
  const attributes = { type: "button", class: "last", "data-part": "last", title: line.last_what, onclick };
  const time = page.clock.relative(isoTime(line.last_at));
  const css = line.last_what === "Could not do it" ? "could-not" : null;
  const what = h("small", { class: css }, line.last_what ?? "");
  return h("button", attributes, h("span", null, badge(line.last_status, line.last_word), time), what);
}

function drawRate(rate, ran, days) {
  const title = ran ? `of ${counted(ran, "run")} in ${days} days` : `Nothing ran in ${days} days`;
  const css = rate === null ? "quiet" : rate < LOW ? "wrong" : null;
  return h("span", { class: css, title }, percent(rate));
}

function drawCost({ cost, unpriced }) {
  const amount = h("span", { class: cost ? null : "quiet" }, cost || !unpriced ? money(cost) : "–");
  const note = "Runs whose model has no known price";
  return [amount, unpriced > 0 && h("small", { title: note }, `${unpriced} unpriced`)];
}

function drawFailures({ failures }) {
  return failures > 0 ? h("strong", { class: "wrong" }, String(failures)) : quiet("0");
}

function drawActions(page, line) {
  const whyNot = WHY_NOT_RUN[line.state];
  const attributes = { "data-part": "run", title: whyNot ?? "Run now", onclick: () => page.runNow(line, run) };
  const run = iconButton("Run now", "play", { ...attributes, disabled: Boolean(line.running || whyNot) });
  const onclick = () => page.openHistoryOf(line);
  return [run, iconButton("History", "history", { "data-part": "history", onclick })];
}
