// What is counted, as the address has it.

const DAYS = 30;
const MOST_DAYS = 3660;
const ALL_STORES = "*";

/**
 * @typedef {object} Filters
 * @property {string | null} store null for all stores
 * @property {string | null} project
 * @property {string | null} task
 * @property {string | null} model
 * @property {number} days how many, where no span is given
 * @property {string | null} since the first day
 * @property {string | null} until the last day
 */

/** The filters that leave out nothing of a store. */
export const UNFILTERED = { project: null, task: null, model: null, since: null, until: null, days: DAYS };

/**
 * @param {(name: string) => string | null} read a parameter of the address
 * @returns {Filters}
 */
export function readFilters(read, ownStore) {
  const date = (name) => (/^\d{4}-\d\d-\d\d$/.test(read(name) ?? "") ? read(name) : null);
  const days = Number(read("days") ?? DAYS);
  const store = read("store") ?? ownStore;
  return {
    store: store === ALL_STORES ? null : store,
    project: read("project"),
    task: read("task"),
    model: read("model"),
    days: Number.isInteger(days) && days > 0 && days <= MOST_DAYS ? days : DAYS,
    since: date("from"),
    until: date("to"),
  };
}

/** The parameters of the address; null removes one. */
export function filterParameters({ store, project, task, model, days, since, until }) {
  const isUsual = since || until || days === DAYS;
  return {
    store: store ?? ALL_STORES,
    project,
    task,
    model,
    days: isUsual ? null : String(days),
    from: since,
    to: until,
  };
}

/** A span that is chosen day by day: the days that were chosen before, else the last 30. */
export function customSpan({ since, until }, now) {
  const date = (daysAgo) => new Date(now - daysAgo * 86400000).toISOString().slice(0, 10);
  return { since: since ?? date(DAYS - 1), until: until ?? date(0) };
}
