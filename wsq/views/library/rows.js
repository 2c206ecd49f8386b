// Rows of the library's lists.

import { pageAddress } from "../page/address.js";
import { agentBadge, button, h, icon, iconButton } from "../page/elements.js";
import { counted } from "../page/numbers.js";
import { projectChip } from "../page/project-chip.js";
import { LISTS } from "./kinds.js";
import { withoutMarkdown } from "./texts.js";

const FACTS = { project: drawProjectFacts, contact: drawContactFacts, document: drawDocumentFacts };

/** A row of the list that is shown. */
export function drawRow(page, row) {
  const { kind, iconName } = LISTS[page.tab];
  const open = () => page.openPlace(kind, row.id);
  const text = kind === "document" ? withoutMarkdown(row.text) : row.text.trim();
  const name = h("button", { type: "button", "data-part": "open", onclick: open }, row.name);
  const onclick = (event) => {
    if (!event.target.closest("button, a") && getSelection().isCollapsed) open();
  };
  const attributes = { "aria-label": row.name, "data-id": row.id, class: row.archived ? "off" : null, onclick };
  return h(
    "li",
    attributes,
    icon(iconName),
    h(
      "div",
      { class: "what" },
      h("div", { class: "named" }, h("h3", null, name), drawBadges(row)),
      text && h("p", { class: "about" }, text),
      h("div", { class: "facts" }, FACTS[kind](page, row)),
    ),
    h("div", { class: "deeds" }, drawAction(page, kind, row)),
  );
}

function drawBadges({ archived, draft, by_agent: byAgent }) {
  return [
    archived && h("span", { class: "badge" }, icon("archive"), "Archived"),
    draft && h("span", { class: "badge cancelled" }, icon("mail"), "Draft of an e-mail"),
    byAgent && agentBadge("Created in a run of a recurring task"),
  ];
}

function drawProjectFacts(page, { id, counts }) {
  const { open_tasks: tasks, recurring_tasks: recurring, contacts, documents } = counts;
  const board = pageAddress("board", page.opening.store, id);
  const link = (text) => h("a", { href: board, "data-part": text }, text);
  const toList = (tab, text) => {
    const onclick = () => page.showListOf(id, tab);
    return h("button", { type: "button", class: "linklike", "data-part": tab, onclick }, text);
  };
  return [
    tasks ? link(counted(tasks, "open task")) : h("span", null, "No open tasks"),
    recurring > 0 && link(counted(recurring, "recurring task")),
    contacts > 0 && toList("contacts", counted(contacts, "contact")),
    documents > 0 && toList("documents", counted(documents, "document")),
  ];
}

function drawContactFacts(page, { email, projects }) {
  const address = email ? h("span", { class: "address" }, icon("mail"), email) : h("span", null, "No e-mail address");
  return [address, projects.map((id) => projectChip(page, id))];
}

function drawDocumentFacts(page, { length, changed, projects }) {
  return [
    h("span", null, length ? counted(length, "character") : "Empty"),
    h("span", null, "Changed ", page.clock.relative(changed)),
    projects.map((id) => projectChip(page, id)),
  ];
}

function drawAction(page, kind, row) {
  if (kind === "contact") return drawIconAction("Delete", "bin", () => page.deleteContact(row), "danger");
  if (!row.archived) return drawIconAction("Archive", "archive", () => page.archive(kind, row));
  const onclick = () => page.restore(kind, row);
  return button("Unarchive", null, { "data-part": "Unarchive", "data-needs": "editor", onclick });
}

function drawIconAction(name, iconName, onclick, css = "") {
  return iconButton(name, iconName, {
    class: `button quiet ${css}`,
    "data-part": name,
    "data-needs": "editor",
    onclick,
  });
}
