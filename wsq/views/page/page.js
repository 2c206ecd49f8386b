// What every page has: the bar, banners, toasts, the theme, the session and the connection to the server.

import { changedQuery } from "./address.js";
import { Banners } from "./banners.js";
import { drawBar } from "./bar.js";
import { Clock } from "./clock.js";
import { Connection } from "./connection.js";
import { button, focusedElement, h } from "./elements.js";
import { keepKeys } from "./notebook-keys.js";
import { pausesOf } from "./pauses.js";
import { removePicture } from "./picture.js";
import { Session } from "./session.js";
import { Theme } from "./theme.js";
import { Toasts } from "./toasts.js";
import { noteVisit } from "./visits.js";

const ROLES = ["viewer", "editor", "admin"];
const TICK = 1000; // ms
const VISIT_NOTED_EVERY = 30000; // ms
const RECONNECT_EVERY = 1500; // ms

/**
 * How a page was opened.
 * @typedef {object} Opening
 * @property {string} store
 * @property {string | null} project
 * @property {boolean} page false in a notebook's cell
 * @property {string} path
 */

/** A page; subclasses draw what is below the bar. */
export class Page {
  constructor(model, container) {
    this.model = model;
    this.first = JSON.parse(model.first);
    /** @type {Opening} */
    this.opening = this.first.opening;
    this.header = null;
    this.owner = this.first.header?.user?.name ?? ""; // whose page it is, where there is a login
    this.isOpen = true;
    this.clock = new Clock(this.first.now);
    this.connection = new Connection((text) => model.send_msg(text));
    this.root = h("div", { class: "wsq" });
    this.bar = h("header", { class: "bar" });
    this.banners = new Banners(this);
    this.toasts = new Toasts();
    this.root.append(this.bar, ...this.banners.elements);
    container.style.height = "100%";
    const themed = this.opening.page ? [this.root, document.documentElement] : [this.root];
    this.theme = new Theme(themed, () => this.header && this.drawBar());
    this.session = new Session(this);
    this.releaseKeys = this.opening.page ? null : keepKeys(this.root);
    this.#noteVisit();
    this.#watchConnection();
    requestAnimationFrame(() => {
      removePicture(this.root);
      if (this.opening.page) document.querySelector("body > .skeleton")?.remove();
    });
    this.ticking = setInterval(() => this.tick(), TICK);
    this.visiting = setInterval(() => document.hidden || this.#noteVisit(), VISIT_NOTED_EVERY);
    model.on("msg:custom", (text) => this.#onMessage(JSON.parse(text)));
    model.on("message", () => this.#onMessage(JSON.parse(model.message)));
    model.on("remove", () => this.end());
  }

  // ---- what subclasses change ------------------------------------------------------------------

  /** A message of the server that is neither an answer nor the header. */
  receive() {}

  /** Requests what is shown, after it may have missed changes. */
  catchUp() {}

  /** Further elements of the bar. */
  barExtras() {
    return [];
  }

  heading(title) {
    return `${title} of ${this.opening.store}`;
  }

  /** The element over which nothing lies. */
  topmost() {
    return this.root;
  }

  /** What gets the focus of a banner that is gone. */
  get fallbackFocus() {
    return null;
  }

  /** Whether a reload would interrupt somebody. */
  isBusy() {
    return false;
  }

  /** The pauses that hold for what is shown. */
  pauses() {
    return pausesOf(this.header, this.opening.store, this.clock.now());
  }

  /** Whether the user can end the pause here. */
  mayResume(pause) {
    return !this.user || (pause.whole ? this.user.whole : this.may("admin"));
  }

  pausesChanged() {
    this.banners.draw();
  }

  /** A page that is loaded anew knows everything again; what is open is in its address. */
  reload() {
    location.reload();
  }

  end() {
    this.isOpen = false;
    clearInterval(this.ticking);
    clearInterval(this.visiting);
    clearInterval(this.reconnecting);
    this.theme.stop();
    this.releaseKeys?.();
  }

  // ---- the server ------------------------------------------------------------------------------

  /** Resolves to the answer, which may be a refusal. */
  request(type, fields) {
    return this.connection.request(type, fields);
  }

  /** A request whose refusal is shown. */
  async attempt(type, fields) {
    const answer = await this.request(type, fields);
    if (!answer.ok) this.toast(answer.error);
    return answer;
  }

  #onMessage(message) {
    if (message.login) this.session.end();
    if (message.header) this.showHeader(message.header);
    if (message.type === "answer") this.connection.settle(message);
    else if (message.type !== "header") this.receive(message);
  }

  // ---- the user --------------------------------------------------------------------------------

  /** Who has logged in; null where there is no login. */
  get user() {
    return this.header?.user ?? null;
  }

  /** Whether the user's role includes this one; the server checks it too. */
  may(role) {
    return !this.user || ROLES.indexOf(this.user.role) >= ROLES.indexOf(role);
  }

  askToLogIn(sentence) {
    const logIn = () => open("login", "_blank");
    this.banners.showTrouble(sentence, button("Log in", "person", { onclick: logIn }));
    this.toast(sentence, "red", { name: "Log in", act: logIn }); // a dialog hides the banner
  }

  loggedInAgain() {
    this.banners.hideTrouble();
    this.toast("You are logged in again.", "green");
    this.catchUp();
  }

  // ---- the bar, banners and toasts -------------------------------------------------------------

  showHeader(header) {
    if (JSON.stringify(header) === JSON.stringify(this.header)) return; // drawn anew, an open list would close
    this.header = header;
    this.clock.scheduler = header.scheduler;
    if (header.user?.role) this.root.dataset.role = header.user.role;
    this.drawBar();
    this.banners.draw();
  }

  drawBar() {
    const focused = focusedElement(this.bar);
    this.bar.replaceChildren(...drawBar(this));
    if (focused?.isConnected && this.bar.contains(focused)) focused.focus({ preventScroll: true });
  }

  toast(sentence, tone = "red", action = null) {
    this.topmost().append(this.toasts.element); // what is behind a dialog is not seen
    return this.toasts.show(sentence, tone, action);
  }

  /** Ends a pause; the button that was pressed is disabled meanwhile. */
  async resume(pause, pressed) {
    pressed.disabled = true;
    const answer = await this.attempt("resume", { whole: pause.whole });
    pressed.disabled = false;
    return answer;
  }

  async whileLoading(work) {
    this.root.classList.add("loading");
    await work;
    this.root.classList.remove("loading");
  }

  tick() {
    if (this.header?.pauses && this.banners.pausesShown !== this.pauses().length) this.pausesChanged(); // one ran out
    this.clock.tick(this.root);
  }

  // ---- the window ------------------------------------------------------------------------------

  /** A parameter of the address; null in a notebook's cell, whose address is the notebook's. */
  readAddress(name) {
    return this.opening.page ? new URLSearchParams(location.search).get(name) : null;
  }

  /** Changes parameters of the address; null removes one. */
  writeAddress(changes) {
    if (!this.opening.page) return;
    history.replaceState(null, "", `${location.pathname}${changedQuery(location.search, changes)}`);
  }

  /** Listens to the window for as long as the page is shown. */
  onWindow(name, listener) {
    addEventListener(name, listener);
    this.model.on("remove", () => removeEventListener(name, listener));
  }

  #noteVisit() {
    const { store, page, path } = this.opening;
    this.previousVisit = page && store && path !== "admin" ? noteVisit(store, this.owner, this.clock.now()) : null;
  }

  #watchConnection() {
    if (!this.opening.page || !this.model.document) return;
    this.model.document.on_event("connection_lost", () => this.#onConnectionLost());
  }

  #onConnectionLost() {
    if (this.reconnecting) return;
    const reload = button("Reload", "again", { onclick: () => this.reload() });
    this.banners.showTrouble("The connection to the server was lost; what you see may be old.", reload);
    this.reconnecting = setInterval(async () => {
      try {
        const response = await fetch("health", { cache: "no-store" });
        if (response.status < 500 && !this.isBusy()) this.reload();
      } catch {
        // Not back yet.
      }
    }, RECONNECT_EVERY);
  }
}
