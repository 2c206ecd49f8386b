// When a store was last visited in this browser.

import { ownKey, readStoredJson, writeStored } from "./storage.js";

const KEY = "wsq-visits";
const VISIT_ENDS_AFTER = 1800000; // ms without a look at any of the store's pages

/**
 * A visit as it continues or begins now, in ms of the server's clock.
 * @param {{ seen?: number, before?: number | null }} visit `before` is when the visit before this one ended
 */
export function continueVisit({ seen, before } = {}, now) {
  return { seen: now, before: seen && now - seen > VISIT_ENDS_AFTER ? seen : (before ?? null) };
}

/** Notes that `owner` looks at the store; returns when the visit before this one ended, null if there was none. */
export function noteVisit(store, owner, now) {
  const key = ownKey(KEY, owner);
  const visits = readStoredJson("localStorage", key) ?? {};
  const visit = continueVisit(visits[store], now);
  writeStored("localStorage", key, JSON.stringify({ ...visits, [store]: visit }));
  return visit.before;
}
