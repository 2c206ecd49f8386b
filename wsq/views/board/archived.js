// The dialog with the board's archived tasks: found by words, opened, restored.

import { dialogTitle } from "../dialogs/title.js";
import { button, h } from "../page/elements.js";

const TYPING = 200; // ms after the last key

/** Opens the dialog; resolves when it is open, or was refused. */
export async function openArchived(page) {
  const first = await page.attempt("archived_tasks", { text: "" });
  if (!first.ok) return;
  const list = h("ul", { class: "archived", role: "list" });
  const note = h("p", { class: "never", role: "status" });
  const oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(find, TYPING);
  };
  const search = h("input", { type: "search", class: "field", "aria-label": "Search archived tasks", oninput });
  search.placeholder = "Search";
  search.maxLength = 500;
  let timer = null;

  const show = ({ tasks, more }) => {
    list.replaceChildren(...tasks.map(drawLine));
    note.textContent = describe(tasks.length, more, search.value.trim());
    note.hidden = !note.textContent;
  };
  const find = async () => {
    const text = search.value.trim();
    const answer = await page.attempt("archived_tasks", { text });
    if (answer.ok && text === search.value.trim()) show(answer.value);
  };
  const restore = async (id, title, pressed) => {
    pressed.disabled = true;
    const answer = await page.attempt("restore_task", { id, position: null });
    pressed.disabled = false;
    if (!answer.ok) return;
    const archive = async () => {
      const again = await page.attempt("archive_task", { id });
      if (dialog.open) await find();
      return again;
    };
    page.undo.offer(archive, { sentence: `“${title}” is on the board again.` });
    search.focus();
    await find();
  };
  const drawLine = ({ id, title, lane, at }) => {
    const open = h("button", { type: "button", class: "linklike", onclick: () => page.openTask(id) }, title);
    const about = h("small", null, lane, " · archived ", page.clock.relative(at));
    const again = button("Restore", "again", {
      "data-needs": "editor",
      "aria-label": `Restore ${title}`,
      onclick: () => restore(id, title, again),
    });
    return h("li", null, h("div", null, open, about), again);
  };

  const body = h("div", { class: "body" }, search, list, note);
  const footer = h("footer", null, button("Close", null, { onclick: () => dialog.close() }));
  const inside = h("div", { class: "inside" }, dialogTitle("Archived tasks"), body, footer);
  show(first.value);
  const dialog = page.openDialog("Archived tasks", { place: "archived" }, inside);
  search.focus();
}

/** What there is to say of the list; empty when it speaks for itself. */
export function describe(count, more, query) {
  if (more) return "There are more; search for words in their titles or descriptions.";
  if (count) return "";
  return query ? "No archived task matches your search." : "Nothing is archived.";
}
