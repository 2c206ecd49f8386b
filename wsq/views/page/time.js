// Instants and durations in words. Instants are in milliseconds, durations in seconds.

const DAY_AND_HOUR = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const thisYear = new Intl.DateTimeFormat(undefined, DAY_AND_HOUR);
const anotherYear = new Intl.DateTimeFormat(undefined, { ...DAY_AND_HOUR, year: "numeric" });
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const asWritten = new Intl.DateTimeFormat(undefined, { ...DAY_AND_HOUR, timeZone: "UTC" });
const asWrittenInFull = new Intl.DateTimeFormat(undefined, { ...DAY_AND_HOUR, year: "numeric", timeZone: "UTC" });
const precise = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const DAY = 86400000;

/** An instant in full, to the second. */
export function fullTime(at) {
  return precise.format(at);
}

export function hourAndMinute(at) {
  return timeOfDay.format(at);
}

/** An instant, with the year when it is not the current one. */
export function dayAndHour(at, now) {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? thisYear : anotherYear).format(at);
}

/** An instant, its time alone when it is today. */
export function nearTime(at, now) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return today ? timeOfDay.format(at) : dayAndHour(at, now);
}

/**
 * A wall time in words, as the server computed it: the browser's rules of that zone may be others.
 * @param {string} shown such as `2026-07-01T08:00 EDT`
 * @param {number} now the year is shown when it is not the current one
 */
export function wallTime(shown, now) {
  const [wall, zone] = shown.split(" ");
  const sameYear = Number(wall.slice(0, 4)) === new Date(now).getFullYear();
  return `${(sameYear ? asWritten : asWrittenInFull).format(Date.parse(`${wall}Z`))} ${zone}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.05) return "0 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86400)}d ago`;
}

/**
 * A countdown. A run that is due waits for the next pass of the scheduler.
 * @param {number} seconds
 * @param {{ state: string, within?: number } | null | undefined} scheduler see `scheduler_state` in hub.py
 */
export function until(seconds, scheduler) {
  if (seconds <= 0) return due(scheduler);
  const whole = Math.ceil(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (whole < 3600) return `in ${minutes}:${twoDigits(whole % 60)}`;
  if (whole < 86400) return `in ${hours}:${twoDigits(minutes)}:${twoDigits(whole % 60)}`;
  return `in ${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function due(scheduler) {
  if (scheduler?.state === "late" || scheduler?.state === "never") return "due; no scheduler is running";
  if (!scheduler?.within) return "due now";
  const minutes = scheduler.within / 60;
  if (minutes < 1) return `due; next pass within ${scheduler.within} s`;
  return `due; next pass within ${minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`}`;
}

function twoDigits(number) {
  return String(number).padStart(2, "0");
}
