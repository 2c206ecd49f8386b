// Values of tables and tiles in words.

import { formatNumber, money, percent } from "../page/numbers.js";
import { duration } from "../page/time.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

const WRITE = {
  count: formatNumber,
  share: percent,
  seconds: duration,
  dollars: money,
  day: (date) => day.format(Date.parse(date)),
  text: (text) => text,
};

/** A value of a column of this kind; a dash when there is none. */
export function formatValue(value, kind) {
  return value === null ? "–" : WRITE[kind](value);
}

export function formatDay(date) {
  return formatValue(date, "day");
}

export function formatSeconds(seconds) {
  return formatValue(seconds, "seconds");
}
