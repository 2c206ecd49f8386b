// Executions in words; `run` is as `run_line` and `execution_detail` in cards.py make it.

import { counted, formatNumber } from "../page/numbers.js";
import { duration, fullTime } from "../page/time.js";

/**
 * What came of a run, in a few words.
 * @returns {{ text: string, isVerdict?: boolean }[]}
 */
export function outcomeParts(run) {
  const parts = [];
  if (run.verdict) parts.push({ text: run.verdict, isVerdict: true });
  if (run.status === "failed" || run.status === "skipped") parts.push({ text: run.reason.replace(/\.$/, "") });
  if (run.tasks) parts.push({ text: `${counted(run.tasks, "task")} created` });
  if (run.slots > 1) parts.push({ text: counted(run.slots, "scheduled run") });
  return parts;
}

/** When somebody is notified, in words. */
export function notifiedWhen({ on }) {
  return on.join(", or ");
}

/**
 * The facts of an execution, without those that there are none of.
 * @returns {[name: string, value: string | { at: string, note?: string } | { verdict: string }][]}
 */
export function executionFacts(run) {
  const facts = [
    ["Verdict", run.verdict && { verdict: run.verdict }],
    ["Notified", run.notify?.on.length ? `${run.notify.who.join(", ")}, when ${notifiedWhen(run.notify)}` : null],
    ["Trigger", run.trigger],
    ["Scheduled for", run.slots ? { at: run.scheduled_for, note: missedNote(run) } : null],
    ["Started", run.at && { at: run.at }],
    ["Ended", run.completed_at && { at: run.completed_at }],
    ["Took", run.status === "skipped" ? null : duration(run.seconds)],
    ["Reason", run.reason_word],
    ["Attempts", attempts(run)],
    ["Taken over", run.takeovers ? `${run.takeovers} ×` : null],
    ["Model", run.model ?? (run.offline ? "Offline provider: no language model was asked" : null)],
    ["Tokens", tokens(run)],
    ["Cost", cost(run)],
  ];
  return facts.filter(([, value]) => value);
}

function missedNote({ slots, first_slot: first }) {
  if (slots <= 1) return "";
  return ` (accounts for ${formatNumber(slots)} scheduled runs, the first of ${fullTime(Date.parse(first))})`;
}

function attempts(run) {
  if (run.attempts <= 1 && !run.waited) return null;
  return `${run.attempts}${run.waited ? `, waited ${duration(run.waited)} between them` : ""}`;
}

function cost(run) {
  const estimated = run.cost_estimated ? " (estimated: the service did not say)" : "";
  if (run.cost === null) return run.tokens.output ? `Unpriced${estimated}` : null;
  return `${run.cost_estimated ? "~" : ""}$${run.cost.toFixed(4)}${estimated}`;
}

function tokens(run) {
  const used = Object.entries(run.tokens).filter(([, number]) => number);
  return used.map(([name, number]) => `${formatNumber(number)} ${name}`).join(" · ");
}
