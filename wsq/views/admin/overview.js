// The table of recurring tasks without its elements: what a row's state is, which rows match, and their order.

/**
 * A recurring task as the server describes it, see table.py; and what follows from it.
 * @typedef {object} Line
 * @property {string} id
 * @property {string} store
 * @property {string} storeName
 * @property {string} name
 * @property {"running" | "disabled" | "paused" | "enabled"} state
 * @property {boolean} isPaused
 */

/** The states that can be chosen; the first one is all of them. */
export const STATES = [
  ["", "All states"],
  ["enabled", "Enabled"],
  ["disabled", "Disabled"],
  ["paused", "Paused"],
  ["failing", "Failing"],
  ["running", "Running"],
];

export const COLUMNS = [
  { id: "name", name: "Recurring task", key: (line) => line.name.toLowerCase() },
  { id: "store", name: "Store", key: (line) => line.storeName.toLowerCase() },
  { id: "state", name: "State", key: (line) => line.state },
  { id: "next", name: "Next", key: (line) => line.next },
  { id: "last", name: "Last outcome", key: (line) => line.last_at, isDescending: true },
  {
    id: "rate7",
    name: "7 days",
    title: "Completed runs as a share of completed and failed ones in the last 7 days",
    key: (line) => line.rate_7,
  },
  {
    id: "rate30",
    name: "30 days",
    title: "Completed runs as a share of completed and failed ones in the last 30 days",
    key: (line) => line.rate_30,
  },
  {
    id: "cost",
    name: "This month",
    title: "Cost of the runs that started this month, in the store's time zone",
    key: (line) => line.cost,
    isDescending: true,
  },
  {
    id: "failures",
    name: "Failures",
    title: "Failures in a row, up to now",
    key: (line) => line.failures,
    isDescending: true,
  },
];

const BY_STORE = { by: "store", isDescending: false };

function columnOf(id) {
  return COLUMNS.find((column) => column.id === id);
}

/** The order that an address names, else by store. */
export function parseOrder(text) {
  const [by, direction] = (text ?? "").split(".");
  return columnOf(by) ? { by, isDescending: direction === "down" } : BY_STORE;
}

/** The order as an address has it; null for the usual one. */
export function formatOrder({ by, isDescending }) {
  if (by === BY_STORE.by && !isDescending) return null;
  return isDescending ? `${by}.down` : by;
}

/** The order after a click on a column: reversed if it was sorted by it already. */
export function orderBy(by, order) {
  const isDescending = order.by === by ? !order.isDescending : Boolean(columnOf(by).isDescending);
  return { by, isDescending };
}

/** Lines in an order; those without a value are last, and equal ones go by store and name. */
export function sortLines(lines, { by, isDescending }) {
  const { key } = columnOf(by);
  const keyed = lines.map((line) => ({
    line,
    key: key(line),
    store: line.storeName.toLowerCase(),
    name: line.name.toLowerCase(),
  }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) {
      return a.key === b.key ? compare(a.name, b.name) : a.key === null ? 1 : -1;
    }
    const order = isDescending ? compare(b.key, a.key) : compare(a.key, b.key);
    return order || compare(a.store, b.store) || compare(a.name, b.name);
  });
  return keyed.map((each) => each.line);
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A line with what follows from stores and pauses. */
export function withState(line, names, paused) {
  const isPaused = line.enabled && paused.has(line.store);
  const idle = line.enabled ? (isPaused ? "paused" : "enabled") : "disabled";
  return {
    ...line,
    storeName: names.get(line.store) ?? line.store,
    state: line.running ? "running" : idle,
    isPaused,
  };
}

/** Whether a line is in a state that was chosen. */
export function isInState(line, state) {
  switch (state) {
    case "":
      return true;
    case "failing":
      return line.failures > 0;
    case "paused":
      return line.isPaused;
    case "enabled":
      return line.enabled;
    default:
      return line.state === state;
  }
}

/** The lines from one to another, both included; only the second where the first is not listed. */
export function linesBetween(lines, firstId, line) {
  const first = lines.findIndex((each) => each.id === firstId);
  const last = lines.findIndex((each) => each.id === line.id);
  return first < 0 ? [line] : lines.slice(Math.min(first, last), Math.max(first, last) + 1);
}

/** Lines after news of them; `whole` news replace them all. */
export function updateLines(lines, { whole, columns, lines: news, gone }) {
  const updated = new Map(whole ? [] : lines);
  for (const id of gone) updated.delete(id);
  for (const values of news) {
    const line = Object.fromEntries(columns.map((column, place) => [column, values[place]]));
    updated.set(line.id, line);
  }
  return updated;
}
