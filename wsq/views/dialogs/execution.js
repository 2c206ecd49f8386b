// The dialog with everything about one execution, which follows it while it runs.

import { delay } from "../page/delay.js";
import { badge, button, focusedElement, h } from "../page/elements.js";
import { drawMarkdown } from "../page/markdown.js";
import { fullTime } from "../page/time.js";
import { isSame } from "./form-values.js";
import { drawVerdict } from "./run-row.js";
import { executionFacts } from "./run-words.js";
import { dialogTitle } from "./title.js";
import { drawTranscript } from "./transcript.js";

const REFRESH = 500; // ms

/**
 * Opens the dialog; resolves when it is closed or when nothing more happens.
 * @param {import("./run-row.js").Host} host
 */
export async function openExecution(host, id) {
  const answer = await host.attempt("open_execution", { id });
  if (!answer.ok) return;
  let run = answer.value;
  const inside = h("div", { class: "inside" });
  const dialog = host.openDialog("Execution", { place: `execution:${id}`, cssClass: "wide" }, inside);
  const show = () => redraw(inside, drawParts(host, run, dialog));
  show();
  focusClose(inside);
  while (run.status === "running" && dialog.open) {
    await delay(REFRESH);
    if (!dialog.open) return;
    const next = await host.request("open_execution", { id });
    if (!next.ok || isSame(next.value, run)) continue;
    run = next.value;
    show();
  }
}

/** Draws the parts anew, at the same place and with the same parts unfolded. */
function redraw(inside, parts) {
  const scrolledTo = inside.querySelector(".body")?.scrollTop ?? 0;
  const hasFocus = inside.contains(focusedElement(inside));
  const unfolded = new Set([...inside.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  inside.replaceChildren(...parts);
  for (const each of inside.querySelectorAll("details")) if (unfolded.has(each.dataset.key)) each.open = true;
  inside.querySelector(".body").scrollTop = scrolledTo;
  if (hasFocus) focusClose(inside);
}

function focusClose(inside) {
  inside.querySelector("footer button:last-child").focus();
}

function drawParts(host, run, dialog) {
  const facts = executionFacts(run).map(([name, value]) => [h("dt", null, name), h("dd", null, drawFact(value, run))]);
  const tasks = run.created.map((task) => h("li", null, drawTaskLink(host, task, dialog)));
  const name = h("span", { class: "of" }, run.task_name ?? "Deleted recurring task");
  const body = h(
    "div",
    { class: "body", tabindex: "0", role: "group", "aria-label": "Details" },
    run.reason && h("p", { class: `trouble ${run.status === "failed" ? "" : "amber"}` }, run.reason),
    h("dl", { class: "grid" }, facts),
    run.status === "running" && host.drawProgress(run.id),
    run.output && drawPart("Output", h("div", { class: "block md" }, drawMarkdown(run.output_tree))),
    tasks.length > 0 && drawPart("Created tasks", h("ul", { class: "made" }, tasks)),
    run.documents.length > 0 && drawPart("Created documents", run.documents.map(drawDocument)),
    run.turns.length > 0 && drawPart("Transcript", drawTranscript(run.turns)),
    run.pruned && h("p", { class: "hint" }, "The transcript of this run was deleted because it is old."),
  );
  const close = button("Close", null, { onclick: () => dialog.close() });
  return [
    dialogTitle("Execution", name, badge(run.status, run.word)),
    body,
    h("footer", null, drawAction(host, run, dialog), close),
  ];
}

function drawPart(name, content) {
  return h("section", { class: "part", "aria-label": name }, h("h3", null, name), content);
}

function drawFact(value, run) {
  if (typeof value === "string") return value;
  if (value.verdict) return drawVerdict(value.verdict, run, "strong");
  return h("span", null, h("time", { datetime: value.at }, fullTime(Date.parse(value.at))), value.note);
}

/** Cancels a running execution; runs the task of an ended one again. */
function drawAction(host, run, dialog) {
  const isRunning = run.status === "running";
  if (!isRunning && run.task_name === null) return null;
  const request = isRunning
    ? () => host.attempt("cancel_execution", { id: run.id })
    : () => host.attempt("run", { id: run.recurring_task_id });
  const onclick = async () => {
    action.disabled = true;
    const answer = await request();
    action.disabled = false;
    if (!answer.ok || isRunning) return;
    dialog.close();
    host.openExecution(answer.value.execution);
  };
  const [label, iconName] = isRunning ? ["Cancel run", "stop"] : ["Run again", "play"];
  const css = `button left ${isRunning ? "danger" : ""}`;
  const action = button(label, iconName, { class: css, "data-needs": "editor", onclick });
  return action;
}

/** A draft is sent only by the person who opens it in a mail program. */
function drawDocument({ id, title, text, mailto }) {
  const link = mailto && h("p", null, h("a", { href: mailto, class: "button" }, "Open in mail program"));
  const attributes = { class: "document", "data-key": id };
  return h("details", attributes, h("summary", null, title), link, h("div", { class: "block" }, text));
}

function drawTaskLink(host, task, dialog) {
  const open = () => {
    dialog.close();
    host.openTask(task.id);
  };
  return h("button", { type: "button", class: "linklike", onclick: open }, task.title ?? task.id);
}
