// The conversation of an execution, turn by turn; see transcript.py.

import { badge, h, icon } from "../page/elements.js";
import { drawMarkdown } from "../page/markdown.js";
import { duration, fullTime } from "../page/time.js";

const BRIEF = 200; // characters of a call's arguments that are shown while it is folded

export function drawTranscript(turns) {
  return h("ol", { class: "steps" }, turns.map(drawTurn));
}

function drawTurn(turn, index) {
  const time = turn.at && h("time", { datetime: turn.at }, fullTime(Date.parse(turn.at)));
  const head = h("div", { class: "say" }, turn.word, time);
  if (turn.who === "user") return h("li", null, head, drawFolded(`${index}-asked`, "Prompt", turn.text));
  if (turn.who === "failure") {
    const wait = turn.wait !== null && h("p", { class: "hint" }, `Retried after ${duration(turn.wait)}.`);
    return h("li", { class: "wrong" }, head, h("pre", null, turn.text), wait);
  }
  const thinking = turn.thinking && drawFolded(`${index}-thinking`, "Thinking", turn.thinking);
  const text = turn.tree.length > 0 && h("div", { class: "md" }, drawMarkdown(turn.tree));
  const calls = turn.calls.map((call, place) => drawCall(call, `${index}-${place}`));
  return h("li", null, head, thinking, text, calls);
}

function drawFolded(key, name, text) {
  return h("details", { "data-key": key }, h("summary", null, name), h("pre", null, text));
}

function drawCall(call, key) {
  const brief = h("span", { class: "brief" }, call.arguments.replace(/\s+/g, " ").slice(0, BRIEF));
  const state = call.result === null ? badge("running", "Running") : call.is_error && badge("failed", "Error");
  const result = call.result !== null && [h("div", { class: "label" }, "Result"), h("pre", null, call.result)];
  return h(
    "details",
    { class: `call ${call.is_error ? "wrong" : ""}`, "data-key": key },
    h("summary", null, icon("tool"), h("code", null, call.tool), brief, state),
    h("div", { class: "label" }, "Arguments"),
    h("pre", null, call.arguments),
    result,
  );
}
