// Whether texts contain what is searched for.

/** The words of a query, in lower case. */
export function searchWords(query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Whether the texts together contain all the words, in any order. */
export function containsAll(texts, words) {
  const text = texts.join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}
