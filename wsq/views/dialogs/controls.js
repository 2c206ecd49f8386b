// The controls of a form, by the kind of field that the server names; see layout.py.

import { h, optionElements, select, uniqueId } from "../page/elements.js";
import { inOrderOf, parseNames } from "./form-values.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string | null} hint
 * @property {Record<string, string>} attributes of the element that takes the text
 * @property {[value: string, text: string][]} [choices]
 * @property {string[]} [suggestions]
 *
 * @typedef {object} Control
 * @property {Element[]} elements
 * @property {Element} [labelled] which the label belongs to, the first one unless it is named; null for a group
 * @property {() => any} get
 * @property {(value: any) => void} set
 * @property {(value: any) => string} [words] a value in words
 */

/** @type {Record<string, (field: Field, form: object) => Control>} */
export const CONTROLS = { text, multiline, select: choice, flag, names, choices, project, projects, start };

function textControl(element, ...others) {
  const set = (value) => {
    element.value = value ?? "";
  };
  return { elements: [element, ...others], get: () => element.value, set };
}

function text({ attributes, suggestions }) {
  const list =
    suggestions &&
    h(
      "datalist",
      { id: uniqueId() },
      suggestions.map((value) => h("option", { value })),
    );
  const input = h("input", { class: "field", autocomplete: "off", list: list?.id, ...attributes });
  return list ? textControl(input, list) : textControl(input);
}

function multiline({ attributes }) {
  return textControl(h("textarea", { class: "field", ...attributes }));
}

function choice({ choices: options }) {
  const words = (value) => options.find(([each]) => each === value)?.[1] ?? value;
  return { ...textControl(select({ class: "field" }, options)), words };
}

function flag() {
  const input = h("input", { type: "checkbox" });
  const set = (value) => {
    input.checked = Boolean(value);
  };
  return { elements: [input], get: () => input.checked, set };
}

/** Names with commas between them; a list that was not touched stays as it is, whatever its names contain. */
function names() {
  const input = h("input", { class: "field", autocomplete: "off" });
  let given = [];
  const get = () => (input.value === given.join(", ") ? given : parseNames(input.value));
  const set = (value) => {
    given = value ?? [];
    input.value = given.join(", ");
  };
  return { elements: [input], get, set };
}

/** Any of a few, in their order. */
function choices({ choices: options }) {
  const group = checkboxes(options);
  const words = (chosen) => {
    const texts = options.filter(([value]) => chosen.includes(value)).map(([, name]) => name);
    return texts.join(", ") || "never";
  };
  return { ...group, words };
}

function checkboxes(options) {
  const element = h("div", { class: "choices" });
  const inputs = () => [...element.querySelectorAll("input")];
  const offer = (pairs) => {
    const labels = pairs.map(([value, name]) => h("label", null, h("input", { type: "checkbox", value }), name));
    element.replaceChildren(...labels);
  };
  const get = () =>
    inputs()
      .filter((each) => each.checked)
      .map((each) => each.value);
  const set = (chosen) => {
    for (const each of inputs()) each.checked = (chosen ?? []).includes(each.value);
  };
  offer(options);
  return { elements: [element], labelled: null, offer, get, set };
}

/** One project or none; an archived one is kept. */
function project(_field, { page }) {
  const input = h("select", { class: "field" });
  const set = (id) => {
    const known = page.projects.map((each) => [each.id, each.name]);
    const archived = id && !page.projectNames.has(id) ? [[id, "Archived project"]] : [];
    input.replaceChildren(...optionElements([...archived, ["", "No project"], ...known], id ?? ""));
  };
  const words = (id) => (id ? projectName(page, id) : "No project");
  return { elements: [input], get: () => input.value || null, set, words };
}

/** Any number of projects; archived ones are kept. */
function projects(_field, { page }) {
  const { offer, ...group } = checkboxes([]);
  let given = [];
  const set = (ids) => {
    given = ids ?? [];
    const archived = given.filter((id) => !page.projectNames.has(id));
    const known = page.projects.map((each) => [each.id, each.name]);
    offer([...known, ...archived.map((id) => [id, "Archived project"])]);
    group.set(given);
    const [element] = group.elements;
    if (!element.firstChild) element.append(h("span", { class: "hint" }, "There is no project yet."));
  };
  const words = (ids) => ids.map((id) => projectName(page, id)).join(", ") || "nothing";
  return { ...group, get: () => inOrderOf(given, group.get()), set, words };
}

function projectName(page, id) {
  return page.projectNames.get(id) ?? "Archived project";
}

/** When it first runs: an interval from now, at a time of day, or at a date and time of the task's zone. */
function start(_field, form) {
  const kinds = [
    ["", form.id ? "By its interval" : "One interval from now"],
    ["time", "At a time of day"],
    ["date", "At a date and time"],
  ];
  const kind = select({ class: "field" }, kinds);
  const time = h("input", { class: "field", type: "time", "aria-label": "Time of day" });
  const date = h("input", { class: "field", type: "datetime-local", "aria-label": "Date and time" });
  const show = () => {
    time.hidden = kind.value !== "time";
    date.hidden = kind.value !== "date";
  };
  kind.addEventListener("change", () => {
    if (kind.value === "time" && !time.value) time.value = "09:00";
    show();
  });
  const get = () => {
    if (kind.value === "time") return time.value || "no time"; // refused, and not saved as if nothing was chosen
    return kind.value === "date" ? date.value || "no date" : "";
  };
  const set = (value) => {
    const isDate = value?.includes("T");
    kind.value = value ? (isDate ? "date" : "time") : "";
    if (value) (isDate ? date : time).value = value;
    show();
  };
  return { elements: [h("div", { class: "starting" }, kind, time, date)], labelled: kind, get, set };
}
