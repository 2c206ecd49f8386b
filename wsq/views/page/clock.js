import { h, setText } from "./elements.js";
import { ago, duration, fullTime, until } from "./time.js";

/** The server's time, and elements that show how far from it an instant is. */
export class Clock {
  /** @param {string} serverTime an instant in ISO 8601 */
  constructor(serverTime) {
    this.scheduler = null; // as in the header
    this.set(serverTime);
  }

  set(serverTime) {
    this.offset = Date.parse(serverTime) - Date.now();
  }

  /** Now, in ms of the server's clock. */
  now() {
    return Date.now() + this.offset;
  }

  /** How long ago an instant was. */
  relative(at) {
    const when = Date.parse(at);
    const attributes = { datetime: at, title: fullTime(when), "data-ago": when };
    return h("time", attributes, ago((this.now() - when) / 1000));
  }

  /** How long it is until an instant. */
  countdown(at) {
    const when = Date.parse(at);
    const attributes = { class: "next", datetime: at, title: fullTime(when), "data-until": when };
    const text = until((when - this.now()) / 1000, this.scheduler);
    return h("time", { ...attributes, role: "timer", "aria-live": "off" }, text);
  }

  /** How long something has been running. */
  elapsed(at) {
    const began = Date.parse(at);
    return h("span", { "data-since": began }, duration(Math.max(0, Math.floor((this.now() - began) / 1000))));
  }

  /** Updates the elements made here that are within `root`. */
  tick(root) {
    const now = this.now();
    for (const each of root.querySelectorAll("[data-until]")) {
      setText(each, until((Number(each.dataset.until) - now) / 1000, this.scheduler));
    }
    for (const each of root.querySelectorAll("[data-ago]")) {
      setText(each, ago((now - Number(each.dataset.ago)) / 1000));
    }
    for (const each of root.querySelectorAll("[data-since]")) {
      setText(each, duration(Math.floor((now - Number(each.dataset.since)) / 1000)));
    }
  }
}
