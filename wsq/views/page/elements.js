// Making elements. Text that people or models wrote becomes text nodes and attribute values, never markup.

import { ICONS, STATUS_ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";
let lastId = 0;

/** A prefix for ids that is unique in the document. */
export function uniqueId() {
  lastId += 1;
  return `wsq-${lastId}`;
}

/**
 * An element. Attributes that are null, undefined or false are left out; `on…` is a listener.
 * @param {string} tag
 * @param {Record<string, any> | null} attributes
 * @param {...any} children nodes and texts, nested as it suits; null, undefined and false are left out
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 16 16",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.6",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    focusable: "false",
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function button(label, iconName, attributes) {
  return h("button", { type: "button", class: "button", ...attributes }, iconName && icon(iconName), label);
}

/** A button that shows an icon alone. */
export function iconButton(name, iconName, attributes) {
  return button(null, iconName, { class: "button quiet", "aria-label": name, title: name, ...attributes });
}

/** A select of `[value, text]` pairs. */
export function select(attributes, options, chosen = null) {
  return h("select", attributes, optionElements(options, chosen));
}

export function optionElements(options, chosen = null) {
  return options.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
}

export function badge(status, word) {
  const name = STATUS_ICONS[status];
  return h("span", { class: `badge ${name ? status : ""}` }, name && icon(name), word);
}

export function agentBadge(title = null) {
  return h("span", { class: "badge agent", title }, icon("agent"), "Made by an agent");
}

/** Writes only what changes, so that selections and screen readers are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element that has the focus, also within a shadow root. */
export function focusedElement(root) {
  return root.getRootNode().activeElement;
}

/** Whether something has the focus, on the page or around it, that is not part of `element`. */
export function hasFocusOutside(root, element) {
  const focused = focusedElement(root) ?? document.activeElement;
  return Boolean(focused) && focused !== document.body && !element.contains(focused);
}

/** Whether a key goes into a text that somebody types. */
export function isTyping(event) {
  return Boolean(event.composedPath()[0]?.matches?.("input:not([type=checkbox]), textarea, [contenteditable]"));
}
