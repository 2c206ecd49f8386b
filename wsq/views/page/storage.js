// The browser's storage, which may be switched off: then nothing is remembered.

/** @param {"localStorage" | "sessionStorage"} area */
export function readStored(area, key) {
  try {
    return globalThis[area].getItem(key);
  } catch {
    return null;
  }
}

/** Stores a text, or removes it when it is null. */
export function writeStored(area, key, text) {
  try {
    if (text === null) globalThis[area].removeItem(key);
    else globalThis[area].setItem(key, text);
  } catch {
    // Not remembered.
  }
}

/** A stored value, or null when there is none or when it is not JSON. */
export function readStoredJson(area, key) {
  try {
    return JSON.parse(readStored(area, key));
  } catch {
    return null;
  }
}

/** A key of what belongs to a user: others who log in with the same browser have their own. */
export function ownKey(key, owner) {
  return owner ? `${key}:${owner}` : key;
}
