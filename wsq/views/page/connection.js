// Requests to the server, over Panel's channel of messages.

const TIMEOUT = 30000; // ms

/**
 * @typedef {object} Answer
 * @property {boolean} ok
 * @property {any} [value] when it is ok
 * @property {string} [error] one sentence when it is not
 * @property {boolean} [timedOut]
 */

/** Sends requests; each gets one answer. A refusal is an answer, and silence becomes one. */
export class Connection {
  /** @param {(text: string) => void} send */
  constructor(send) {
    this.send = send;
    this.lastRef = 0;
    this.pending = new Map(); // ref -> resolve
  }

  /** @returns {Promise<Answer>} */
  request(type, fields) {
    this.lastRef += 1;
    const ref = this.lastRef;
    return new Promise((resolve) => {
      const timeout = setTimeout(() => {
        const error = "The server did not answer; it may be busy. Try again.";
        this.settle({ ref, ok: false, error, timedOut: true });
      }, TIMEOUT);
      this.pending.set(ref, (answer) => {
        clearTimeout(timeout);
        resolve(answer);
      });
      this.send(JSON.stringify({ type, ref, ...fields }));
    });
  }

  settle(answer) {
    const resolve = this.pending.get(answer.ref);
    this.pending.delete(answer.ref);
    resolve?.(answer);
  }
}
