// What is said of the whole page, under its bar.

import { button, focusedElement, h, icon } from "./elements.js";
import { pausedUntil } from "./pauses.js";
import { schedulerAlarm } from "./scheduler.js";

const UPGRADED =
  "wsq was upgraded. This page is of the previous version: it shows nothing new and saves nothing until wsq serve " +
  "is restarted. What you have typed stays.";
const DEMO = "Example workspace: an offline provider replaces the model, and no language model is asked.";
const OFFLINE = "Offline provider: no language model is asked. Set ANTHROPIC_API_KEY to use one.";

export function banner(tone, iconName, ...content) {
  return h("div", { class: `banner ${tone}` }, icon(iconName), ...content);
}

export class Banners {
  constructor(page) {
    this.page = page;
    this.notices = h("div", { role: "status" });
    this.alarms = h("div"); // each is an alert of its own
    this.connection = h("div", { class: "banner red", role: "alert", hidden: true });
    this.alarm = null;
  }

  get elements() {
    return [this.connection, this.alarms, this.notices];
  }

  /** How many pauses are shown. */
  get pausesShown() {
    return this.notices.querySelectorAll("strong").length;
  }

  /** Says what is wrong with the connection or the session, and offers what helps. */
  showTrouble(sentence, remedy) {
    this.connection.replaceChildren(icon("warn"), h("span", null, sentence), remedy);
    this.connection.hidden = false;
  }

  hideTrouble() {
    this.connection.hidden = true;
  }

  draw() {
    const { demo, offline, blocked, notice } = this.page.header;
    const hadFocus = this.notices.contains(focusedElement(this.notices));
    const notices = this.page.pauses().map((pause) => this.#drawPause(pause));
    if (notice) notices.push(banner("amber", "info", h("span", null, notice)));
    if (demo) notices.push(banner("", "info", h("span", null, DEMO)));
    else if (offline && !blocked) notices.push(banner("amber", "info", h("span", null, OFFLINE)));
    this.notices.replaceChildren(...notices);
    if (hadFocus) (this.notices.querySelector("button") ?? this.page.fallbackFocus)?.focus();
    this.#drawAlarm();
  }

  /** Draws an alarm only when it is another one: a screen reader reads an alert whenever it appears. */
  #drawAlarm() {
    const { upgraded, blocked, scheduler } = this.page.header;
    const known = upgraded ? UPGRADED : blocked; // each says itself what to do
    const alarm = known ?? schedulerAlarm(scheduler);
    if (alarm === this.alarm) return;
    this.alarm = alarm;
    const start = h("code", null, "wsq serve");
    const install = h("code", null, "wsq schedule install");
    const remedy = known ? null : [" Keep ", start, " running, or let ", install, " start it by itself."];
    const drawn = banner("red", "warn", h("span", null, alarm, remedy));
    drawn.setAttribute("role", "alert");
    this.alarms.replaceChildren(...(alarm ? [drawn] : []));
  }

  #drawPause(pause) {
    const { page } = this;
    const resume = page.mayResume(pause) && button("Resume", "play", { onclick: () => page.resume(pause, resume) });
    const what = pause.whole ? "Everything is paused" : "This store is paused";
    const reason = pause.reason && [": ", h("q", null, pause.reason)];
    const until = ` ${pausedUntil(pause, page.clock.now())}`;
    return banner(
      "amber",
      "pause",
      h("span", null, h("strong", null, what), until, reason, ". Nothing starts meanwhile."),
      resume,
    );
  }
}
