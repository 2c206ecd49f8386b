// The order of cards and where one goes that is moved. A lane's cards are sorted by their rank, a word of letters and
// digits that never ends with a 0.

/** Whether a card is after another of its lane; recurring tasks are newest first. */
export function isAfter(card, other) {
  if (card.rank === other.rank) return card.id > other.id;
  return card.rank > other.rank === (card.lane !== "recurring");
}

/** A rank for the place among `others`, until the server has given one: right after the card before it. */
export function provisionalRank(card, others, place) {
  if (place > 0) return `${others[place - 1].rank}0`;
  return others.length ? ` ${others[0].rank}` : card.rank;
}

/**
 * The place of a card among the others of its lane after one step among those that are shown.
 * @param {object[]} cards of the lane, in their order
 * @param {(card: object) => boolean} isShown
 * @param {1 | -1} step
 * @returns {number | null} null where the step leads nowhere
 */
export function placeAfterStep(cards, isShown, card, step) {
  const shown = cards.filter(isShown);
  const neighbour = shown[shown.findIndex((each) => each.id === card.id) + step];
  if (!neighbour) return null;
  const others = cards.filter((each) => each.id !== card.id);
  return others.indexOf(neighbour) + (step > 0 ? 1 : 0);
}

/** The lane beside another, of `[id, name]` pairs; undefined beyond the first and the last. */
export function laneBeside(lanes, lane, step) {
  return lanes[lanes.findIndex(([id]) => id === lane) + step]?.[0];
}
