// Pauses of the workspace and of stores, as they are in the header.

import { nearTime } from "./time.js";

/** @typedef {{ until: string | null, reason: string | null }} Pause */

/** Whether a pause has not run out. */
export function isActive(pause, now) {
  return !pause.until || Date.parse(pause.until) > now;
}

/** The active pauses that hold for a store: the workspace's (`whole`) before its own. */
export function pausesOf(header, store, now) {
  const { workspace, stores } = header.pauses ?? { stores: {} };
  const pauses = [];
  if (workspace) pauses.push({ whole: true, ...workspace });
  if (stores[store]) pauses.push({ whole: false, ...stores[store] });
  return pauses.filter((pause) => isActive(pause, now));
}

/** Until when a pause lasts, in words. */
export function pausedUntil(pause, now) {
  return pause.until ? `until ${nearTime(Date.parse(pause.until), now)}` : "until somebody resumes it";
}
