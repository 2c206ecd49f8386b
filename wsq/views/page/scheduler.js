// What is said of the scheduler; its state is `scheduler_state` in hub.py.

import { duration, fullTime } from "./time.js";

/** Why recurring tasks do not start; null while a scheduler is running. */
export function schedulerAlarm({ state, last, usual }) {
  if (state === "never") return "No scheduler is running: recurring tasks will not start by themselves.";
  if (state !== "late") return null;
  const every = usual < 60 ? `${usual} s` : duration(usual).replace(/ 0 (s|min)$/, "");
  return (
    `The scheduler was last seen ${fullTime(Date.parse(last))}, and usually runs every ${every}: ` +
    "recurring tasks do not start by themselves."
  );
}

/** What to know before saving a recurring task; null while a scheduler is running. */
export function schedulerWarning({ state }) {
  if (state === "never") {
    return "No scheduler is running: what you save will not run by itself until wsq-process or wsq serve runs.";
  }
  if (state !== "late") return null;
  return "The scheduler has not run lately: what you save will not run by itself until it does.";
}
