import { drawNotified, drawRunRow } from "../dialogs/run-row.js";
import { badge, button, h, icon, iconButton } from "../page/elements.js";
import { projectChip } from "../page/project-chip.js";
import { cardFrame, drawPeople } from "./task-card.js";

const BUDGET_NOTES = { warning: " – 80 % or more is spent", used_up: " – nothing more starts today" };

/** What today has cost of a budget. */
export function drawSpent(spent, title) {
  if (!spent) return null;
  const note = BUDGET_NOTES[spent.state] ?? "";
  return h("span", { class: `spent ${spent.state}`, title: title + note }, spent.text);
}

/** A recurring task's card; it is busy from the click on Run now until the execution has ended. */
export function drawRecurringCard(page, card) {
  const isBusy = Boolean(card.running) || page.starting.has(card.id);
  const element = cardFrame(
    page,
    card,
    h(
      "div",
      { class: "head" },
      h("h3", null, card.title),
      !card.enabled && h("span", { class: "badge" }, "Disabled"),
      isBusy && badge("running", "Running"),
    ),
    card.about && h("p", { class: "about" }, card.about),
    h("div", { class: "facts" }, drawFacts(page, card)),
    !card.enabled && card.disabled_reason && h("p", { class: "trouble amber" }, card.disabled_reason),
    card.enabled && card.unknown_zone && h("p", { class: "trouble amber" }, card.unknown_zone),
    card.failures > 1 && h("p", { class: "never" }, `Failed ${card.failures} times in a row.`),
    drawRuns(page, card),
    drawTroubles(page, card, isBusy),
    card.running ? page.drawProgress(card.running) : drawOutput(card),
    h("div", { class: "actions" }, drawActions(page, card, isBusy)),
  );
  element.classList.toggle("off", !card.enabled);
  return element;
}

function drawFacts(page, card) {
  return [
    h("span", null, icon("again"), card.every),
    card.enabled && card.next && !card.unknown_zone && drawNext(page, card),
    drawSpent(card.spent, "What it has cost today, of its budget"),
    card.project && projectChip(page, card.project),
    drawPeople(card.assignees),
    drawNotified(card.notify),
  ];
}

/** While it is paused, a countdown would promise what does not happen. */
function drawNext(page, card) {
  const [pause] = page.pauses();
  if (!pause) return h("span", { title: "Next run" }, icon("clock"), "Next ", page.clock.countdown(card.next));
  const title = pause.reason ? `Paused: ${pause.reason}` : "Paused";
  return h("span", { class: "paused", title }, icon("pause"), "Paused");
}

function drawRuns(page, { runs }) {
  if (!runs.length) return h("p", { class: "never" }, "It has not run yet.");
  const rows = runs.map((run) => h("li", null, drawRunRow(page, run)));
  return h("ol", { class: "runs", "aria-label": "Last runs" }, rows);
}

const AHEAD =
  "Its next run lies further in the future than its interval: a clock was ahead. Edit its schedule, or run " +
  "wsq doctor --repair.";

function isAhead(page, { enabled, next, within }) {
  return enabled && next && within !== null && (Date.parse(next) - page.clock.now()) / 1000 > within;
}

function drawTroubles(page, card, isBusy) {
  return [isAhead(page, card) && h("p", { class: "trouble amber" }, AHEAD), drawRunTroubles(page, card, isBusy)];
}

function drawRunTroubles(page, card, isBusy) {
  const over = card.runs.filter((run) => run.status !== "running");
  const last = over[0];
  const ended = over.find((run) => run.status !== "skipped");
  const failed = ended?.status === "failed" && ended.reason && h("p", { class: "trouble" }, ended.reason);
  if (!last?.loud) return failed;
  const offersLate = card.offers_late && !isBusy && !page.pauses().length;
  const late = h("p", { class: "trouble amber late" }, last.reason, offersLate && drawRunLate(page, card));
  return [failed, late];
}

function drawRunLate(page, card) {
  return button("Run late instead", "play", {
    "data-part": "late",
    "data-needs": "editor",
    title: "Runs it now. From now on, its missed runs run once, late, instead of being skipped",
    onclick: () => page.runLate(card),
  });
}

function drawOutput({ output }) {
  if (!output) return null;
  return h("p", { class: "output clamped", title: "The last output" }, output.replace(/\n\s*\n/g, "\n"));
}

function drawActions(page, card, isBusy) {
  const editor = { "data-needs": "editor" };
  const edit = () => page.openRecurringTask(card.id);
  const toggle = () => page.setEnabled(card, !card.enabled);
  const history = () => page.openHistory(card.id, card.title);
  const copy = () => page.openCopy(card.id);
  const remove = () => page.confirmDelete(card);
  return [
    drawRunNow(page, card, isBusy),
    button(page.may("editor") ? "Edit" : "Show", "edit", { "data-part": "edit", onclick: edit }),
    button(card.enabled ? "Disable" : "Enable", "power", { "data-part": "power", ...editor, onclick: toggle }),
    h("span", { class: "gap" }),
    card.runs.length > 0 && iconButton("History", "history", { "data-part": "history", onclick: history }),
    iconButton("Duplicate", "copy", { "data-part": "copy", ...editor, onclick: copy }),
    iconButton("Delete", "bin", {
      class: "button quiet danger",
      "data-part": "delete",
      ...editor,
      onclick: remove,
    }),
  ];
}

/** Why it cannot be run now, in a sentence; null if it can. */
function whyNotRun(page, card) {
  if (!card.enabled) return "It is disabled. Enable it to run it.";
  if (page.pauses().length) return "It is paused. Resume it to run it.";
  return card.unknown_zone;
}

function drawRunNow(page, card, isBusy) {
  const whyNot = whyNotRun(page, card);
  const attributes = {
    type: "button",
    class: `button ${card.enabled ? "run-now" : ""}`,
    "data-part": "run",
    "data-needs": "editor",
    disabled: isBusy || Boolean(whyNot),
    title: whyNot,
    "aria-busy": isBusy ? "true" : null,
    onclick: () => page.runNow(card),
  };
  const mark = isBusy ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon("play");
  return h("button", attributes, mark, "Run now");
}
