// What the fields of a form hold, without the elements that show it.

const LONGEST_SHOWN = 2000; // characters of a value that somebody else has saved; all of it can be taken

export function isSame(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Names with commas between them. */
export function parseNames(text) {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}

/** The chosen values, those chosen before in their order, then the others. */
export function inOrderOf(before, chosen) {
  return [...before.filter((each) => chosen.includes(each)), ...chosen.filter((each) => !before.includes(each))];
}

/**
 * What to do with fields that somebody else has saved while they were edited here.
 * @param {Record<string, any>} base what was opened
 * @param {Record<string, any>} mine what stands in the form
 * @param {Record<string, any>} theirs what was saved
 * @returns {{ changed: string[], taken: string[], contested: string[] }} names of fields: `changed` by them; of these
 *   `taken` where nothing was typed here, `contested` where something else was
 */
export function mergeFields(base, mine, theirs) {
  const changed = Object.keys(mine).filter((name) => !isSame(theirs[name], base[name]));
  const taken = changed.filter((name) => isSame(mine[name], base[name]));
  const contested = changed.filter((name) => !taken.includes(name) && !isSame(mine[name], theirs[name]));
  return { changed, taken, contested };
}

/** A value in words, where its control has none of its own. */
export function valueInWords(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value || "nothing";
}

/** The beginning of a text, cut between characters. */
export function excerpt(text) {
  return text.length > LONGEST_SHOWN ? `${[...text.slice(0, LONGEST_SHOWN)].slice(0, -1).join("")}…` : text;
}
