export function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Milliseconds to wait before the next attempt, after so many have failed. */
export function backoff(failures) {
  return Math.min(30000, 1000 * 2 ** failures);
}
