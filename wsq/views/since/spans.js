// Since when the page shows what has happened.

import { DAY } from "../page/time.js";

const EARLIEST = Date.UTC(1970, 0, 2); // in every zone the first and the last date that a field takes
const LATEST = Date.UTC(9998, 11, 30);

/** The choices, by their name in the address. */
export const SPANS = { last: "your last visit", day: "24 hours ago", week: "7 days ago", date: "a date" };

/** An instant in the address or in a field, in ms and within what a field can show; null when it is none. */
export function parseInstant(text) {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(LATEST, Math.max(EARLIEST, at));
}

/** The choice that the address makes. */
export function spanOf(text) {
  if (Object.hasOwn(SPANS, text)) return text;
  return parseInstant(text) === null ? "last" : "date";
}

/** When a span begins, in ms; a day ago where nothing else is known. */
export function spanStart(span, { now, previousVisit, date }) {
  if (span === "week") return now - 7 * DAY;
  if (span === "date") return parseInstant(date) ?? now - DAY;
  return (span === "last" && previousVisit) || now - DAY;
}

/** An instant as a field of the kind `datetime-local` takes it. */
export function localDateTime(at) {
  const offset = new Date(at).getTimezoneOffset() * 60000;
  return new Date(at - offset).toISOString().slice(0, 16);
}
