// Keeping a page current that requests everything it shows.

import { backoff, delay } from "./delay.js";

/** Calls `look` when something has changed: one call at a time, and with a break after each. */
export class Refresher {
  /**
   * @param {() => Promise<boolean>} look requests and shows; resolves to whether there was an answer
   * @param {(took: number) => number} pause ms from the start of a look to the next, by how long the last one took
   */
  constructor(look, pause = (took) => Math.max(2000, 4 * took)) {
    this.look = look;
    this.pause = pause;
    this.lookedAt = 0;
    this.took = 0;
    this.again = false; // whether what is being looked at is out of date already
    this.running = null;
    this.timer = null;
    this.stopped = false;
  }

  /** Looks until it has worked once: a request may be lost while the server is busy. */
  async start() {
    for (let failures = 1; !(await this.refresh()) && !this.stopped; failures += 1) await delay(backoff(failures));
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  refreshSoon() {
    if (this.timer !== null) return;
    const wait = Math.max(0, this.lookedAt + this.pause(this.took) - Date.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.refresh();
    }, wait);
  }

  /** Looks now, or once more after the look that goes on; resolves to whether it has worked. */
  refresh() {
    this.again = this.running !== null;
    this.running ??= this.#run().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async #run() {
    let worked;
    do {
      this.again = false;
      this.lookedAt = Date.now();
      worked = await this.look();
      this.took = Date.now() - this.lookedAt;
    } while (this.again && !this.stopped);
    return worked;
  }
}
