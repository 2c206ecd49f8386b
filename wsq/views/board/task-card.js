import { agentBadge, h, icon, select } from "../page/elements.js";
import { projectChip } from "../page/project-chip.js";

/** The frame of every card. */
export function cardFrame(page, card, ...children) {
  const onkeydown = (event) => page.onCardKey(event, card);
  const onclick = (event) => page.onCardClick(event, card);
  const attributes = { class: `card ${card.kind}`, "aria-label": card.title, tabindex: "0", "data-id": card.id };
  return h("article", { ...attributes, onkeydown, onclick }, ...children);
}

export function drawPeople(names) {
  return names.map((name) => {
    const initial = [...name.trim()].slice(0, 1).join("").toUpperCase();
    const attributes = { class: "person", title: `Assigned to ${name}` };
    return h("span", attributes, h("i", { "aria-hidden": "true" }, initial), name);
  });
}

/** A task's card; `isStandIn` while the server has not sent it. */
export function drawTaskCard(page, card) {
  const disabled = Boolean(card.isStandIn);
  const open = { type: "button", "data-part": "open", disabled, onclick: () => page.openTask(card.id) };
  const title = h("h3", null, h("button", open, card.title));
  const byAgent = card.by_agent && agentBadge("Created in a run of a recurring task");
  const facts = [card.project && projectChip(page, card.project), drawPeople(card.assignees), byAgent];
  const element = cardFrame(
    page,
    card,
    h("div", { class: "head" }, title, drawMove(page, card)),
    card.about && h("p", { class: "about" }, card.about),
    h("div", { class: "facts" }, facts),
  );
  element.classList.toggle("waiting", disabled);
  element.draggable = !disabled && page.may("editor");
  page.drag.listenTo(element, card);
  return element;
}

function drawMove(page, card) {
  const onchange = () => {
    const lane = move.value;
    move.selectedIndex = 0;
    if (lane) page.moveTo(card, lane, null);
  };
  const lanes = page.taskLanes.filter(([lane]) => lane !== card.lane);
  const attributes = { class: "move", "aria-label": "Move to", "data-part": "move", onchange };
  const move = select({ ...attributes, disabled: Boolean(card.isStandIn) }, [["", "Move to"], ...lanes]);
  return h("span", { class: "move", title: "Move to", "data-needs": "editor" }, icon("move"), move);
}
