// What the server remarks on a form while it is typed, by the kind of remark that it names; see layout.py.

import { h, icon, setText } from "../page/elements.js";
import { schedulerWarning } from "../page/scheduler.js";
import { wallTime } from "../page/time.js";

/** @type {Record<string, (form: object) => { element: Element | null, show?: (remarks: object, values: object) => void }>} */
export const REMARKS = { scheduler, unknown_placeholders: unknownPlaceholders, upcoming, mail_link: mailLink };

function scheduler({ page }) {
  const warning = schedulerWarning(page.header.scheduler);
  return { element: warning && h("p", { class: "trouble amber" }, icon("warn"), warning) };
}

function unknownPlaceholders() {
  const element = h("p", { class: "hint amber", role: "status" });
  const show = ({ kept }) => {
    const [verb, them] = kept.length > 1 ? ["stay as they are", "them"] : ["stays as it is", "it"];
    setText(element, kept.length ? `${kept.join(", ")} ${verb}: nothing fills ${them} in.` : "");
  };
  return { element, show };
}

function upcoming({ page }) {
  const element = h("div", { class: "upcoming", role: "group", "aria-label": "Upcoming runs" });
  const show = ({ next, shown, cost }) => {
    const now = page.clock.now();
    const runs = next.map((at, place) => h("li", null, h("time", { datetime: at }, wallTime(shown[place], now))));
    const list = h("div", null, h("strong", null, "Next runs"), h("ol", null, runs));
    const unknown = h("p", null, "The next runs are shown here when the schedule is valid.");
    element.replaceChildren(...(next.length ? [list, cost ? h("p", null, cost) : ""] : [unknown]));
  };
  return { element, show };
}

/** Opens the draft of an e-mail in a mail program. */
function mailLink() {
  const element = h("a", { class: "button", hidden: true }, icon("mail"), "Open in mail program");
  const show = ({ mailto }) => {
    element.hidden = !mailto;
    if (mailto) element.href = mailto;
    else element.removeAttribute("href");
  };
  return { element, show };
}
