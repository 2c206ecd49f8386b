import { select } from "./elements.js";

/** Chooses the one project that is shown alone, or all. */
export function projectFilter(page, onChoose) {
  const options = [["", "All projects"], ...page.projects.map((each) => [each.id, each.name])];
  const onchange = (event) => onChoose(event.currentTarget.value || null);
  return select({ class: "button", "aria-label": "Project filter", onchange }, options, page.project);
}
