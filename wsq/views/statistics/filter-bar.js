// The controls that choose what is counted.

import { h, optionElements } from "../page/elements.js";
import { formatNumber } from "../page/numbers.js";
import { customSpan } from "./filters.js";

const SPANS = [7, 30, 90]; // days

export class FilterBar {
  /** @param {(changes: Partial<import("./filters.js").Filters>) => void} onChange */
  constructor(page, onChange) {
    this.page = page;
    this.onChange = onChange;
    const store = this.#drawPick("Store", (id) => onChange({ store: id, project: null, task: null, model: null }));
    const project = this.#drawPick("Project", (id) => onChange({ project: id }));
    const task = this.#drawPick("Recurring task", (id) => onChange({ task: id }));
    const model = this.#drawPick("Model", (id) => onChange({ model: id }));
    this.picks = { store: store.pick, project: project.pick, task: task.pick, model: model.pick };
    const labels = [store, project, task, model].map((each) => each.label);
    const attributes = { class: "narrow", role: "group", "aria-label": "What is counted" };
    this.element = h("div", attributes, labels, h("span", { class: "gap" }), this.#drawSpans());
  }

  #drawPick(name, onChoose) {
    const onchange = () => onChoose(pick.value || null);
    const pick = h("select", { class: "button", "aria-label": name, onchange });
    return { pick, label: h("label", null, name, pick) };
  }

  #drawSpans() {
    const choice = (value, name, onchange) => {
      const input = h("input", { type: "radio", name: "wsq-span", value, "aria-label": name, onchange });
      return h("label", null, input, h("span", null, name));
    };
    const choices = SPANS.map((days) =>
      choice(days, `${days} days`, () => this.onChange({ days, since: null, until: null })),
    );
    const custom = () => this.onChange(customSpan(this.page.filters, this.page.clock.now()));
    const attributes = { class: "spans", role: "radiogroup", "aria-label": "Span" };
    this.spans = h("div", attributes, choices, choice("custom", "Custom", custom));
    this.since = this.#drawDate("From", "since");
    this.until = this.#drawDate("To", "until");
    const label = h("div", { class: "labelled" }, h("span", null, "Span"), this.spans);
    return [this.since.label, this.until.label, label];
  }

  #drawDate(name, filter) {
    const onchange = () => this.onChange({ [filter]: input.value || null });
    const attributes = { type: "date", "aria-label": name, min: "1970-01-02", max: "9998-12-30", onchange };
    const input = h("input", attributes);
    return { input, label: h("label", { hidden: true }, name, input) };
  }

  showSpan({ days, since, until }) {
    const isCustom = Boolean(since || until);
    const chosen = isCustom ? "custom" : String(days);
    for (const input of this.spans.querySelectorAll("input")) input.checked = input.value === chosen;
    for (const [{ input, label }, value] of [
      [this.since, since ?? ""],
      [this.until, until ?? ""],
    ]) {
      label.hidden = !isCustom;
      if (input.value !== value) input.value = value;
    }
  }

  offerStores() {
    const { header, filters, user } = this.page;
    const all = user?.everywhere === false && filters.store ? null : "All stores";
    const stores = header.stores.map((store) => [store.id, store.name]);
    offer(this.picks.store, all, stores, filters.store);
  }

  /** Offers what can be chosen; `name` says how a row with an id, a name and a store is called. */
  offerChoices({ projects, tasks, models, more_tasks: more }, name) {
    const { project, task, model } = this.page.filters;
    const allTasks = more ? `All tasks (${formatNumber(more)} not listed)` : "All recurring tasks";
    const named = (rows) => rows.map((row) => [row.id, name(row)]);
    this.offerStores();
    offer(this.picks.project, "All projects", named(projects), project);
    offer(this.picks.task, allTasks, named(tasks), task);
    const modelChoices = models.map((each) => [each, each]);
    offer(this.picks.model, "All models", modelChoices, model);
  }
}

/** Offers choices, and what is chosen already too, in a list that is drawn anew only when it is another. */
function offer(pick, all, choices, chosen) {
  const options = all ? [["", all], ...choices] : [...choices];
  if (chosen && !choices.some(([id]) => id === chosen)) options.push([chosen, chosen]);
  const key = JSON.stringify(options);
  if (pick.dataset.key !== key) {
    pick.dataset.key = key;
    pick.replaceChildren(...optionElements(options));
  }
  pick.value = chosen ?? "";
}
