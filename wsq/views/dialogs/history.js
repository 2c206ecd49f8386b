// The dialog with the executions of a recurring task, page by page.

import { delay } from "../page/delay.js";
import { button, h } from "../page/elements.js";
import { isSame } from "./form-values.js";
import { drawRunRow } from "./run-row.js";
import { dialogTitle } from "./title.js";

const REFRESH = 1000; // ms

/** Runs with a newer page of them before those that it does not contain. */
export function withNewest(runs, newest) {
  const ids = new Set(newest.map((run) => run.id));
  return [...newest, ...runs.filter((run) => !ids.has(run.id))];
}

/** Opens the dialog; resolves when it is closed. */
export async function openHistory(host, id, name) {
  const first = await host.attempt("history", { id, before: null });
  if (!first.ok) return;
  let { runs } = first.value;
  const list = h("ol", { class: "runs" });
  const older = button("Older", "again", { hidden: !first.value.more, onclick: () => showOlder() });
  const empty = h("p", { class: "never" }, "It has not run yet.");
  const show = () => {
    list.replaceChildren(...runs.map((run) => h("li", null, drawRunRow(host, run))));
    empty.hidden = runs.length > 0;
  };
  const showOlder = async () => {
    older.disabled = true;
    const answer = await host.attempt("history", { id, before: runs.at(-1)?.id ?? null });
    older.disabled = false;
    if (!answer.ok) return;
    runs = [...runs, ...answer.value.runs];
    older.hidden = !answer.value.more;
    show();
  };
  const inside = h(
    "div",
    { class: "inside" },
    dialogTitle("Runs", h("span", { class: "of" }, name)),
    h("div", { class: "body", tabindex: "0", role: "group", "aria-label": "Runs" }, empty, list, older),
    h("footer", null, button("Close", null, { onclick: () => dialog.close() })),
  );
  show();
  const dialog = host.openDialog("Runs", { place: `history:${id}` }, inside);
  while (dialog.open) {
    await delay(REFRESH);
    const answer = dialog.open && (await host.request("history", { id, before: null }));
    if (!answer?.ok || isSame(answer.value.runs, runs.slice(0, answer.value.runs.length))) continue;
    runs = withNewest(runs, answer.value.runs);
    show();
  }
}
