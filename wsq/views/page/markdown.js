// Draws what `tree` in markdown.py made of a text: strings, and arrays of a tag, its attributes and what is in it.
// It believes none of it: tags and attributes that are not listed here are shown as the text that they came as.

const MARKDOWN = new Set(("p h4 h5 h6 ul ol li blockquote pre code em strong s a br hr table thead tbody tr th td bdi").split(" "));
const MARKDOWN_DEPTH = 40;
const MARKDOWN_SIDES = ["left", "center", "right"];

function drawMarkdown(tree) {
  const drawn = document.createDocumentFragment();
  for (const node of Array.isArray(tree) ? tree : [tree]) drawn.append(drawMarkdownNode(node, 1)); // one by one: they may be many
  return drawn;
}

function drawMarkdownNode(node, depth) {
  if (typeof node === "string") return document.createTextNode(node);
  const known = Array.isArray(node) && node.length === 3 && MARKDOWN.has(node[0]) && Array.isArray(node[2]);
  if (!known || depth > MARKDOWN_DEPTH) return document.createTextNode(JSON.stringify(node) ?? "");
  const [tag, given, inside] = node;
  const children = inside.map((child) => drawMarkdownNode(child, depth + 1));
  const { href, start, align } = given ?? {};
  switch (tag) {
    case "a":
      // Without a checked address it is text, and the address stands beside it.
      if (!leadsSomewhere(href)) return h("bdi", null, children, typeof href === "string" ? ` (${href})` : null);
      return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
    case "ol":
      return h("ol", { start: Number.isInteger(start) && start >= 0 ? start : null }, children);
    case "th":
    case "td":
      return h(tag, { "data-align": MARKDOWN_SIDES.includes(align) ? align : null }, children);
    case "pre":
      return h("pre", { tabindex: 0 }, children); // what scrolls is reached by keyboard
    case "table":
      return h("div", { class: "wide", role: "group", "aria-label": "Table", tabindex: 0 }, h("table", null, children));
    default:
      return h(tag, null, children);
  }
}

function leadsSomewhere(address) {
  if (typeof address !== "string" || !/^(https?:\/\/[\w[]|mailto:)[!-~]+$/i.test(address)) return false;
  try { return ["http:", "https:", "mailto:"].includes(new URL(address).protocol); } catch { return false; }
}
