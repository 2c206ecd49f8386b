// Addresses of pages: the store, the project and the open dialog are in the query.

export function pageAddress(path, store, project = null) {
  const query = new URLSearchParams();
  if (store) query.set("store", store);
  if (project) query.set("project", project);
  return `${path}?${query}`;
}

/** The board with a dialog open: `kind` is `task`, `recurring` or `execution`. */
export function boardAddress(store, kind, id) {
  return `${pageAddress("board", store)}&open=${kind}:${encodeURIComponent(id)}`;
}

/** A query with some parameters changed; null removes one. */
export function changedQuery(search, changes) {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  return `?${query}`;
}
