// Small dialogs that ask for a little before something is done.

import { dialogTitle } from "../dialogs/title.js";
import { button, h, icon, uniqueId } from "../page/elements.js";

/**
 * Opens the dialog; it closes when what it asked for has been done.
 * @param {object} options
 * @param {string} options.label
 * @param {any} options.content
 * @param {HTMLElement} options.first which gets the focus
 * @param {string} options.action
 * @param {string} options.iconName
 * @param {() => Promise<{ ok: boolean }>} options.act
 */
export function openSmallForm(page, { label, content, first, action, iconName, act }) {
  const submit = h("button", { type: "submit", class: "button primary" }, icon(iconName), action);
  const onsubmit = async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    const answer = await act();
    submit.disabled = false;
    if (answer.ok) dialog.close();
  };
  const cancel = button("Cancel", null, { onclick: () => dialog.close() });
  const body = h("div", { class: "body" }, content);
  const form = h("form", { novalidate: true, onsubmit }, dialogTitle(label), body, h("footer", null, cancel, submit));
  const dialog = page.openDialog(label, { cssClass: "small" }, form);
  first.focus();
  return dialog;
}

/** A control with its label, and with a hint under it. */
export function labelled(label, element, ...more) {
  element.id = uniqueId();
  return h("div", { class: "labelled" }, h("label", { for: element.id }, label), element, ...more);
}

export function hint(text) {
  return h("span", { class: "hint" }, text);
}

export function reasonField() {
  return h("input", { class: "field", maxlength: "1000", autocomplete: "off" });
}
