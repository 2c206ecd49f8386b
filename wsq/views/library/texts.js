// Texts as the library shows them.

const LINE_IS_NEAR = 1000; // characters

/** A Markdown text as one line of words. */
export function withoutMarkdown(text) {
  return text
    .replace(/^\s*(#{1,6}|>|[-*+])\s+/gm, "")
    .replace(/\*\*|`+/g, "")
    .replace(/\|[\s|:-]*/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** At most `limit` characters from the beginning, up to the end of a line where one is near; no character is split. */
export function beginning(text, limit) {
  if (text.length <= limit) return text;
  const line = text.lastIndexOf("\n", limit - 1) + 1;
  const end = line > limit - LINE_IS_NEAR ? line : limit;
  return text.slice(0, /[\ud800-\udbff]/.test(text[end - 1]) ? end - 1 : end);
}
