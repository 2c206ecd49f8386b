// Pausing a store or the whole workspace.

import { distinctName } from "../page/bar.js";
import { h, select } from "../page/elements.js";
import { DAY, hourAndMinute } from "../page/time.js";
import { hint, labelled, openSmallForm, reasonField } from "./small-form.js";

const HOUR = 3600000; // ms
const MORNING = 8; // o'clock

export function openPauseForm(page) {
  const { stores } = page.header;
  const now = page.clock.now();
  const hour = new Date(now + HOUR);
  const morning = new Date(now + DAY);
  morning.setHours(MORNING, 0, 0, 0);
  const whole = page.user?.whole === false ? [] : [["", "The whole workspace"]];
  const choices = [...whole, ...stores.map((store) => [store.id, distinctName(store, stores)])];
  const what = select({ class: "field" }, choices, page.inStore);
  const until = select({ class: "field" }, [
    ["hour", `For an hour, until ${hourAndMinute(hour)}`],
    ["morning", `Until tomorrow, ${hourAndMinute(morning)}`],
    ["date", "Until a date and time"],
    ["ever", "Until somebody resumes it"],
  ]);
  const attributes = { class: "field", type: "datetime-local", "aria-label": "Date and time", hidden: true };
  const date = h("input", attributes);
  until.addEventListener("change", () => {
    date.hidden = until.value !== "date";
  });
  const reason = reasonField();
  const act = () => {
    const end = { hour, morning, date: new Date(date.value), ever: null }[until.value];
    if (!end || !Number.isNaN(end.getTime())) return pause(page, what.value, end, reason.value.trim());
    date.setAttribute("aria-invalid", "true");
    date.focus();
    page.toast("Choose until when to pause.");
    return { ok: false };
  };
  const explanation =
    "Nothing starts meanwhile; what is due is skipped, with the reason. What is running ends normally.";
  const content = [
    h("p", null, explanation),
    labelled("What", what),
    labelled("How long", until, date),
    labelled("Reason", reason, hint("Shown to everybody at the top of the board.")),
  ];
  return openSmallForm(page, { label: "Pause", content, first: what, action: "Pause", iconName: "pause", act });
}

/** Pauses a store, or the whole workspace when `store` is empty. */
function pause(page, store, end, reason) {
  const fields = { whole: !store, until: end?.toISOString() ?? null, reason: reason || null };
  return (store ? page.hostOf(store) : page).attempt("pause", fields);
}
