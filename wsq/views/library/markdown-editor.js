// A text in Markdown and its preview: side by side where there is room, else one at a time.

import { h, uniqueId } from "../page/elements.js";
import { drawMarkdown } from "../page/markdown.js";
import { formatNumber } from "../page/numbers.js";
import { beginning } from "./texts.js";

const TYPING = 250; // ms after the last key, until the preview is drawn
const LONGEST_PAUSE = 1500; // ms before a long text is checked, because checking it means sending it

/** The control of a form for a field of the kind `markdown`; its preview shows the first `limit` characters. */
export function markdownEditor({ attributes, limit }, form) {
  const text = h("textarea", { class: "field code", spellcheck: "false", ...attributes });
  const preview = h("div", {
    class: "md preview",
    role: "region",
    "aria-label": "Preview",
    tabindex: "0",
    id: uniqueId(),
  });
  const sideBySide = matchMedia("(min-width: 1100px)");
  const editor = h("div", { class: "editor" });
  const isShown = () => sideBySide.matches || editor.dataset.shows === "preview";
  const draw = previewer(form.page, { text, preview, isShown, limit });
  sideBySide.addEventListener("change", () => draw(0), { signal: form.closing.signal });
  text.addEventListener("input", () => draw(TYPING));
  const set = (value) => {
    text.value = value ?? "";
    draw(0);
  };
  const around = (box) => {
    const tabs = drawTabs({ editor, text, preview, onTurn: () => draw(0) });
    const label = h("span", { class: "label", "aria-hidden": "true" }, "Preview");
    editor.append(tabs, box, h("div", { class: "previewed" }, label, preview));
    return editor;
  };
  const pause = () => Math.min(LONGEST_PAUSE, text.textLength / 500);
  return { elements: [text], get: () => text.value, set, around, pause };
}

function drawTabs({ editor, text, preview, onTurn }) {
  const turn = (to) => {
    editor.dataset.shows = to;
    for (const each of tabs.children) {
      each.setAttribute("aria-selected", String(each.dataset.shows === to));
      each.tabIndex = each.dataset.shows === to ? 0 : -1;
    }
    onTurn();
  };
  const tab = (name, to, element) => {
    const attributes = { type: "button", role: "tab", "aria-controls": element.id, "data-shows": to };
    return h("button", { ...attributes, onclick: () => turn(to) }, name);
  };
  const onkeydown = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    turn(editor.dataset.shows === "write" ? "preview" : "write");
    tabs.querySelector("[aria-selected=true]").focus();
  };
  const attributes = { role: "tablist", class: "tabs", "aria-label": "Write or preview", onkeydown };
  const tabs = h("div", attributes, tab("Write", "write", text), tab("Preview", "preview", preview));
  turn("write");
  return tabs;
}

/** Returns draw(ms): draws the preview after so long without another call, one request at a time, while it is shown. */
function previewer(page, { text, preview, isShown, limit }) {
  let timer = null;
  let isRequesting = false;
  let drawn = null;
  const draw = async () => {
    const shown = beginning(text.value, limit);
    if (isRequesting || !isShown() || shown === drawn) return;
    isRequesting = true;
    const answer = await page.request("preview", { text: shown });
    isRequesting = false;
    drawn = shown;
    if (!text.isConnected) return;
    preview.replaceChildren(...drawPreview(answer, shown, shown.length < text.textLength));
    draw(); // what was typed meanwhile
  };
  return (pause) => {
    clearTimeout(timer);
    timer = setTimeout(draw, pause);
  };
}

function drawPreview(answer, shown, isCut) {
  if (!answer.ok) return [h("p", { class: "hint" }, answer.error)];
  if (!shown.trim()) return [h("p", { class: "hint" }, "Nothing is written yet.")];
  const length = formatNumber([...shown].length);
  const note = h("p", null, h("em", null, `Cut here: the preview shows the first ${length} characters.`));
  return [drawMarkdown(answer.value.tree), ...(isCut ? [note] : [])];
}
