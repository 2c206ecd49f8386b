// What `tree` in markdown.py made of a text: strings, and arrays of a tag, its attributes and its children.
// It is not trusted: tags and attributes that are not listed here become the text that they came as.

const TAGS = new Set(
  "p h4 h5 h6 ul ol li blockquote pre code em strong s a br hr table thead tbody tr th td bdi".split(" "),
);
const MAX_DEPTH = 40;
const ALIGNMENTS = ["left", "center", "right"];

/**
 * Elements that are safe to draw.
 * @typedef {string | [tag: string, attributes: object | null, children: SafeNode[]]} SafeNode
 * @returns {SafeNode[]}
 */
export function safeTree(tree) {
  return (Array.isArray(tree) ? tree : [tree]).map((node) => safeNode(node, 1));
}

function safeNode(node, depth) {
  if (typeof node === "string") return node;
  const known = Array.isArray(node) && node.length === 3 && TAGS.has(node[0]) && Array.isArray(node[2]);
  if (!known || depth > MAX_DEPTH) return JSON.stringify(node) ?? "";
  const [tag, given, inside] = node;
  const children = inside.map((child) => safeNode(child, depth + 1));
  const { href, start, align } = given ?? {};
  switch (tag) {
    case "a":
      if (isSafeLink(href)) return ["a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children];
      return ["bdi", null, typeof href === "string" ? [...children, ` (${href})`] : children];
    case "ol":
      return ["ol", { start: Number.isInteger(start) && start >= 0 ? start : null }, children];
    case "th":
    case "td":
      return [tag, { "data-align": ALIGNMENTS.includes(align) ? align : null }, children];
    case "pre":
      return ["pre", { tabindex: 0 }, children]; // what scrolls can be reached by keyboard
    case "table":
      return ["div", { class: "wide", role: "group", "aria-label": "Table", tabindex: 0 }, [["table", null, children]]];
    default:
      return [tag, null, children];
  }
}

/** Whether an address is one of the web or of e-mail, and nothing that runs. */
export function isSafeLink(address) {
  if (typeof address !== "string" || !/^(https?:\/\/[\w[]|mailto:)[!-~]+$/i.test(address)) return false;
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}
