// A lane of the board.

import { button, h, icon, iconButton, setText } from "../page/elements.js";

const TYPING = 2000; // ms after the last key, while a reload would interrupt

const INVITATIONS = {
  recurring: "Describe a task once, and an agent runs it on a schedule and records every step.",
  todo: "Nothing to do. Type a task above, or let a recurring one create it.",
  doing: "Nothing in progress. Drag a card here when work on it begins.",
  in_review: "Nothing to review.",
  done: "Nothing done yet.",
};

export class Lane {
  constructor(page, id, name) {
    this.page = page;
    this.id = id;
    this.pending = ""; // the title of a new task that the server has not answered yet
    this.list = h("div", { class: "cards" });
    this.count = h("span", { class: "count" }, "0");
    this.spent = id === "recurring" ? h("span", { class: "lane-spent" }) : null;
    this.add = id === "recurring" ? null : this.#drawAdd(name);
    this.noMatch = h("p", { hidden: true }, "Nothing here matches your search.");
    this.invitation = h("div", null, h("p", null, INVITATIONS[id]), id === "recurring" && this.#drawFirst());
    this.empty = h("div", { class: "empty" }, this.invitation, this.noMatch);
    const attributes = { class: "lane", "aria-label": name, "data-lane": id };
    this.element = h("section", attributes, this.#drawHead(name), this.add, this.empty, this.list);
  }

  get elements() {
    return [...this.list.children];
  }

  /** Puts a card's element where `isAfter` says that it is. */
  place(element, isAfter) {
    let before = this.list.lastElementChild;
    while (before && !isAfter(before.dataset.id)) before = before.previousElementSibling;
    if (before) before.after(element);
    else this.list.prepend(element);
  }

  showCount(isFiltered) {
    let shown = 0;
    for (const element of this.list.children) if (!element.hidden) shown += 1;
    setText(this.count, String(shown));
    this.empty.hidden = shown > 0;
    this.invitation.hidden = isFiltered;
    this.noMatch.hidden = !isFiltered;
  }

  // ---- what is typed into the field for a new task ---------------------------------------------

  get title() {
    return this.add?.querySelector("input");
  }

  isBusy() {
    return Boolean(this.title?.value) && Date.now() - this.typedAt < TYPING;
  }

  /** What was typed and not added, and whether the field has the focus; null if there is nothing. */
  draft() {
    const text = this.title?.value || this.pending; // what was sent may be lost with the connection
    return text ? { text, focused: this.title.matches(":focus") } : null;
  }

  restore({ text, focused }) {
    this.add.hidden = false;
    this.title.value = text;
    if (focused) this.title.focus();
  }

  // ---- drawing ---------------------------------------------------------------------------------

  #drawHead(name) {
    const isRecurring = this.id === "recurring";
    const mark = isRecurring ? icon("again") : h("span", { class: "dot" });
    return h(
      "header",
      null,
      mark,
      h("h2", null, name),
      this.count,
      isRecurring ? this.#drawNew() : this.#drawPlus(name),
    );
  }

  #drawNew() {
    const onclick = () => this.page.openRecurringTask(null);
    return [this.spent, button("New recurring task", "plus", { "data-needs": "editor", onclick })];
  }

  #drawFirst() {
    const onclick = () => this.page.openRecurringTask(null);
    return button("Make the first one", "plus", { class: "button primary", "data-needs": "editor", onclick });
  }

  #drawPlus(name) {
    if (this.id === "todo") return null;
    const onclick = () => {
      this.add.hidden = false;
      this.title.focus();
    };
    const add = iconButton(`New task in ${name}`, "plus", { "data-needs": "editor", onclick });
    if (this.id !== "done") return add;
    const archived = iconButton("Archived tasks", "archive", { onclick: () => this.page.openArchived() });
    return h("span", { class: "lane-tools" }, archived, add);
  }

  /** The field for a new task, which is always open in the first lane of tasks. */
  #drawAdd(name) {
    const isAlwaysOpen = this.id === "todo";
    const hide = () => {
      if (!isAlwaysOpen && !title.value) form.hidden = true;
    };
    const onkeydown = (event) => {
      if (event.key !== "Escape") return;
      title.value = "";
      hide();
    };
    const label = isAlwaysOpen ? "New task" : `Title of the new task in ${name}`;
    const attributes = { class: "field", placeholder: "New task", maxlength: "1000", autocomplete: "off" };
    const oninput = () => {
      this.typedAt = Date.now();
    };
    const title = h("input", { ...attributes, "aria-label": label, onkeydown, oninput });
    const onsubmit = async (event) => {
      event.preventDefault();
      const text = title.value;
      title.value = "";
      title.focus();
      this.pending = text;
      const isCreated = await this.page.createTask(text, this.id);
      this.pending = "";
      if (!isCreated && !title.value) title.value = text;
    };
    const onfocusout = (event) => form.contains(event.relatedTarget) || hide();
    const action = isAlwaysOpen ? "Add task" : `Add task to ${name}`;
    const submit = h("button", { class: "button", type: "submit", "aria-label": action }, icon("plus"), "Add");
    const given = { class: "add", "data-needs": "editor", hidden: !isAlwaysOpen, onsubmit, onfocusout };
    const form = h("form", given, title, submit);
    return form;
  }
}
