import { badge, h, icon } from "../page/elements.js";
import { duration } from "../page/time.js";
import { notifiedWhen, outcomeParts } from "./run-words.js";

/**
 * What dialogs about executions need of the page that they are over.
 * @typedef {object} Host
 * @property {import("../page/clock.js").Clock} clock
 * @property {(type: string, fields: object) => Promise<object>} request
 * @property {(type: string, fields: object) => Promise<object>} attempt
 * @property {Function} openDialog
 * @property {(id: string) => any} openExecution
 * @property {(id: string) => any} openTask
 * @property {(id: string) => Element | null} drawProgress
 */

/**
 * One run of a recurring task, which opens it.
 * @param {Host} host
 */
export function drawRunRow(host, run) {
  const word = run.count > 1 ? `${run.word} ×${run.count}` : run.word;
  return h(
    "button",
    { type: "button", class: "run", "data-part": `run-${run.id}`, onclick: () => host.openExecution(run.id) },
    badge(run.status, word),
    h("span", null, run.trigger),
    h("span", { class: "what" }, drawOutcome(run)),
    drawDuration(host, run),
    host.clock.relative(run.at),
  );
}

function drawOutcome(run) {
  return outcomeParts(run).map(({ text, isVerdict }, index) => [
    index ? " · " : null,
    isVerdict ? drawVerdict(text, run) : text,
  ]);
}

export function drawVerdict(verdict, run, tag = "span") {
  return h(tag, { class: run.could_not ? "could-not" : null }, verdict);
}

function drawDuration(host, run) {
  if (run.status === "running") return host.clock.elapsed(run.at);
  return h("span", null, run.status === "skipped" ? "" : duration(run.seconds));
}

/** Who is notified of how a recurring task ends. */
export function drawNotified(told) {
  if (!told?.on.length) return null;
  return h("span", { title: `Notified when ${notifiedWhen(told)}` }, icon("bell"), told.who.join(", "));
}
