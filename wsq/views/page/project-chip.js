import { h } from "./elements.js";

const HUES = ["#4c6ef5", "#0f9d8a", "#c2571a", "#a34cc4", "#2f8f3e", "#c9364f", "#8a7413", "#2480b8"];

/** A project's name in its colour, which its place among the projects decides. */
export function projectChip(page, id) {
  const name = page.projectNames.get(id) ?? "Archived project";
  const place = page.projects.findIndex((each) => each.id === id);
  const chip = h("span", { class: "chip", title: `Project: ${name}` }, h("span", null, name));
  chip.style.setProperty("--hue", HUES[Math.max(0, place) % HUES.length]);
  return chip;
}
