// The cards as the server has sent them, and as they look with the changes that it has not confirmed yet.

/**
 * A change that was requested.
 * @typedef {object} Change
 * @property {object} fields of the card, as they will be
 * @property {number} [confirmedAt] the version at which the card has them, once that is known
 */

export class CardStore {
  constructor() {
    this.cards = new Map(); // id -> card
    this.changes = new Map(); // id -> Change
    this.standIns = new Map(); // id of a task that was made here and is not sent yet -> id of the card shown for it
  }

  get ids() {
    return [...this.cards.keys()];
  }

  has(id) {
    return this.cards.has(id);
  }

  /** A card as the server has sent it. */
  get(id) {
    return this.cards.get(id);
  }

  /** A card as it is shown: with its pending change. */
  shown(id) {
    const change = this.changes.get(id);
    return change ? { ...this.cards.get(id), ...change.fields } : this.cards.get(id);
  }

  /**
   * The whole card of a patch: of a known card, a patch contains what has changed, and the ids of runs that are known.
   */
  complete(patch) {
    const known = this.cards.get(patch.id);
    if (!known) return patch;
    const runs = patch.runs?.map((run) => (typeof run === "string" ? known.runs.find((each) => each.id === run) : run));
    return { ...known, ...patch, ...(runs && { runs }) };
  }

  /** Takes a card; null when a newer one is known, else whether it is new and the id of the card shown for it. */
  put(card) {
    const known = this.cards.get(card.id);
    if (known && known.rev >= card.rev) return null;
    const standIn = this.standIns.get(card.id) ?? null;
    this.standIns.delete(card.id);
    this.cards.set(card.id, card);
    if (this.changes.get(card.id)?.confirmedAt <= card.version) this.changes.delete(card.id);
    return { isNew: !known, standIn };
  }

  remove(id) {
    this.cards.delete(id);
    this.changes.delete(id);
  }

  /** Shows a change before it is confirmed. */
  change(id, fields) {
    const change = { fields };
    this.changes.set(id, change);
    return change;
  }

  /**
   * Takes the answer to a change: it stays until the card has the version that the answer names, for good if the card
   * was deleted, and is taken back if it was refused. Returns whether it is the card's latest change.
   */
  settle(id, change, answer, { isDeletion }) {
    if (this.changes.get(id) !== change) return false;
    if (answer.ok) {
      change.confirmedAt = isDeletion ? Infinity : answer.value.version;
      const { lane, rank } = answer.value;
      if (rank) change.fields = { ...change.fields, lane, rank };
    }
    if (!answer.ok || this.cards.get(id)?.version >= change.confirmedAt) this.changes.delete(id);
    return true;
  }
}
