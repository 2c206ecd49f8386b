// What every page shares: making elements, the bar on top, banners, toasts, times, the connection.
// Text that people or models wrote reaches the page as text nodes and attribute values alone, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  again: "M2.5 8a5.5 5.5 0 0 1 9.6-3.7M13.5 8a5.5 5.5 0 0 1-9.6 3.7M12.5 1.5v3h-3M3.5 14.5v-3h3",
  play: "M4.5 2.8v10.4l8.5-5.2z",
  edit: "M10.8 2.8l2.4 2.4L5.5 13l-3 .6.6-3z",
  power: "M8 2v5.5M4.4 4.4a5 5 0 1 0 7.2 0",
  bin: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.6",
  agent: "M3 6.5h10v7H3zM8 6.5v-3M8 3.2v-.4M6 9.5v1M10 9.5v1",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  warn: "M8 2L1.5 13.5h13zM8 6.5v3.2M8 11.6v.3",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.2v3.6M8 5.2v.1",
  check: "M3 8.5l3.2 3L13 4.5",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  skip: "M3 4l5 4-5 4zM11.5 4v8",
  stop: "M4.5 4.5h7v7h-7z",
  pause: "M5 3v10M11 3v10",
  bell: "M4 11.5V7a4 4 0 0 1 8 0v4.5l1.2 1H2.8zM6.7 14h2.6",
  move: "M2.5 8h8M7.5 4.5L11 8l-3.5 3.5M13.5 3v10",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8L14 14",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  history: "M2.5 3v3h3M2.8 6A5.6 5.6 0 1 1 2.4 9M8 5v3.2l2 1.3",
  archive: "M2 3h12v3H2zM3 6v7.5h10V6M6.5 8.8h3",
  tool: "M9.8 2.3a3.6 3.6 0 0 0-3.3 5L2.3 11.5l2.2 2.2 4.2-4.2a3.6 3.6 0 0 0 4.8-4.4L11.3 7.3 9 6.7 8.5 4.5z",
  folder: "M2 4.5V13h12V5.5H8L6.5 3.5H2z",
  person: "M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5c.4-2.7 2.3-4 5-4s4.6 1.3 5 4",
  page: "M4 2h5l3 3v9H4zM9 2v3h3M6 8h4M6 10.8h4",
  mail: "M2 3.5h12v9H2zM2 4.5l6 4.5 6-4.5",
  board: "M2.5 3h3v10h-3zM6.7 3h3v7h-3zM11 3h2.8v4.5H11z",
};
const MARKS = { completed: "check", failed: "cross", running: "again", skipped: "skip", cancelled: "stop" };

function h(tag, given, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) made.append(child);
  }
  return made;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": "1.6",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false",
  })) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const button = (label, mark, given) => h("button", { type: "button", class: "button", ...given }, mark && icon(mark), ...[label].flat());
const badge = (status, word) => h("span", { class: `badge ${MARKS[status] ? status : ""}` }, MARKS[status] && icon(MARKS[status]), word);

// ---- times ---------------------------------------------------------------------------------------

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const VISIT = 1800000;
const RENEW = 300000; // ms between two signs that somebody is there
const cookie = (name) => document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
const UPGRADED = "wsq was upgraded: this page is of the version before, shows nothing new and saves nothing any more until wsq serve is started anew. What you have typed stays.";
const hour = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY_AND_HOUR = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const inThisYear = new Intl.DateTimeFormat(undefined, DAY_AND_HOUR), inAnother = new Intl.DateTimeFormat(undefined, { ...DAY_AND_HOUR, year: "numeric" });

// An instant, with the year when it is not the one of now.
const dayAndHour = (at, now) => (new Date(at).getFullYear() === new Date(now).getFullYear() ? inThisYear : inAnother).format(at);

// An instant near to now: the time alone when it is today.
const soon = (at, now) => (new Date(at).toDateString() === new Date(now).toDateString() ? hour.format(at) : dayAndHour(at, now));

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.05) return "0 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), minutes = Math.round(seconds / 60);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86400)}d ago`;
}

// What has come due waits for the scheduler's next pass, if there is a scheduler; see `scheduler_state` in hub.py.
function until(seconds, scheduler) {
  if (seconds <= 0) {
    if (scheduler?.state === "late" || scheduler?.state === "never") return "due; no scheduler has come by";
    if (!scheduler?.within) return "due now";
    const minutes = scheduler.within / 60;
    return `due; next pass within ${minutes < 1 ? `${scheduler.within} s` : minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`}`;
  }
  const s = Math.ceil(seconds), two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return `in ${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 86400) return `in ${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return `in ${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// ---- shares and money ----------------------------------------------------------------------------

// A share from 0 to 1: all of them alone are 100 %, and none of them alone 0 %. As `words.share`.
const percent = (share) => (share === null ? "–" : share === 0 || share === 1 ? `${share * 100} %` : `${Math.min(99.9, Math.max(0.1, share * 100)).toFixed(1)} %`);

// US dollars in cents; what is less than a cent says so. As `words.money`.
const money = (amount) => (amount === null ? "–" : amount > 0 && amount < 0.01 ? "<$0.01" : `$${amount.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`);

// ---- the frame -----------------------------------------------------------------------------------

class Frame {
  constructor(model, el) {
    this.model = model;
    this.first = JSON.parse(model.first);
    this.opening = this.first.opening;
    this.ahead = Date.parse(this.first.now) - Date.now();
    this.asked = new Map();
    this.number = 0;
    this.alive = true;
    this.root = h("div", { class: "wsq" });
    this.bar = h("header", { class: "bar" });
    this.banners = h("div", { role: "status" });
    this.alarms = h("div"); // each an alert of its own
    this.lost = h("div", { class: "banner red", role: "alert", hidden: true });
    this.toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    this.root.append(this.bar, this.lost, this.alarms, this.banners);
    el.style.height = "100%";
    this.before = this.noteVisit();
    this.wearTheme();
    this.watchConnection();
    if (!this.opening.page) this.liveInACell();
    this.ticking = setInterval(() => this.tick(), 1000);
    this.visiting = setInterval(() => { if (!document.hidden) this.before = this.noteVisit(); }, 30000);
    this.began = Date.now();
    for (const name of ["pointerdown", "keydown"]) this.onWindow(name, () => this.isThere());
    for (const name of ["focus", "visibilitychange"]) this.onWindow(name, () => this.comeBack());
    model.on("msg:custom", (text) => this.hear(JSON.parse(text)));
    model.on("remove", () => this.end());
  }

  now() { return Date.now() + this.ahead; }

  hear(message) {
    if (message.type === "answer") {
      const waiting = this.asked.get(message.ref);
      this.asked.delete(message.ref);
      if (message.login) this.askToLogIn();
      if (message.header) this.showHeader(message.header); // news of it may have been told before the socket was up
      if (waiting) waiting(message);
    } else if (message.type === "header") {
      this.showHeader(message.header);
    } else {
      this.told(message);
    }
  }

  // Resolves to the answer; a refusal is an answer too, and silence becomes one.
  ask(kind, fields) {
    const ref = ++this.number;
    return new Promise((resolve) => {
      const patience = setTimeout(() => {
        this.asked.delete(ref);
        resolve({ ok: false, error: "The server did not answer; it may be busy. Try again." });
      }, 30000);
      this.asked.set(ref, (answer) => { clearTimeout(patience); resolve(answer); });
      this.model.send_msg(JSON.stringify({ type: kind, ref, ...fields }));
    });
  }

  async attempt(kind, fields) {
    const answer = await this.ask(kind, fields);
    if (!answer.ok) this.toast(answer.error);
    return answer;
  }

  // `offer` is a further button, by its name and what it does.
  toast(sentence, tone = "red", offer = null) {
    const close = button("", "close", { class: "button quiet", "aria-label": "Dismiss" });
    const toast = h("div", { class: `toast ${tone}`, role: tone === "red" ? "alert" : null }, icon(tone === "red" ? "warn" : "info"), h("p", null, sentence),
      offer && button(offer.name, null, { onclick: () => { toast.remove(); offer.act(); } }), close);
    close.addEventListener("click", () => toast.remove());
    this.topmost().append(this.toasts); // what is behind a dialog is not seen
    this.toasts.append(toast);
    while (this.toasts.childElementCount > 4) this.toasts.firstElementChild.remove();
    setTimeout(() => toast.remove(), 10000);
  }

  topmost() { return this.root; }

  showHeader(header) {
    if (JSON.stringify(header) === JSON.stringify(this.header)) return; // drawn anew, an open list would close
    this.header = header;
    if (header.user?.role) this.root.dataset.role = header.user.role;
    this.drawBar();
    this.drawBanners();
  }

  address(path, store, project) {
    const query = new URLSearchParams();
    if (store) query.set("store", store);
    if (project) query.set("project", project);
    return `${path}?${query}`;
  }

  // What the address says, and how it is made to say something else: null takes it away.
  inAddress(name) { return new URLSearchParams(location.search).get(name); }

  remember(said) {
    if (!this.opening.page) return;
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(said)) {
      if (value === null) query.delete(name);
      else query.set(name, value);
    }
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }

  drawBar() {
    const focused = this.bar.getRootNode().activeElement;
    const { store, path } = this.opening;
    const names = [["board", "Board"], ["library", "Library"], ["statistics", "Statistics"], ["since", "Since"], ["admin", "Admin"]]
      .filter(([to]) => to !== "admin" || path === "admin" || this.user?.rules !== false);
    const nav = h("nav", { "aria-label": "Pages" }, names.map(([to, name]) =>
      h("a", { href: this.address(to, store), "aria-current": to === path ? "page" : null }, name)));
    const stores = this.header.stores.some((s) => s.id === store) ? this.header.stores : [{ id: store, name: store }, ...this.header.stores];
    const pick = h("select", { class: "button", "aria-label": "Store", onchange: () => { location.href = this.address(path, pick.value); } },
      stores.map((s) => h("option", { value: s.id, selected: s.id === store }, stores.some((other) => other.id !== s.id && other.name === s.name) ? `${s.name} (${s.id})` : s.name)));
    const dark = this.root.dataset.theme === "dark";
    const theme = button("", dark ? "sun" : "moon", { class: "button quiet", "aria-label": dark ? "Light theme" : "Dark theme", onclick: () => this.switchTheme() });
    this.bar.replaceChildren(
      h("span", { class: "brand" }, icon("board"), "wsq"),
      h("h1", { class: "unseen" }, `${names.find(([to]) => to === path)[1]} of ${store}`),
      ...(this.opening.page ? [nav, h("span", { class: "gap" }), ["admin", "statistics"].includes(path) ? "" : h("span", { class: "pick" }, pick)] : [h("strong", null, store), h("span", { class: "gap" })]),
      ...this.extras(), this.drawUser() ?? "", theme);
    if (focused?.isConnected && this.bar.contains(focused)) focused.focus({ preventScroll: true });
  }

  extras() { return []; }

  // -- who has logged in; nobody has where there is no login

  get user() { return this.header?.user ?? null; }

  // Whether their role reaches that far here; the server judges it again.
  may(role) {
    const order = ["viewer", "editor", "admin"];
    return !this.user || order.indexOf(this.user.role) >= order.indexOf(role);
  }

  drawUser() {
    if (!this.user || !this.opening.page) return null;
    return h("form", { method: "post", action: "logout", class: "user" },
      h("input", { type: "hidden", name: "_xsrf", value: cookie("_xsrf") }),
      h("span", { title: `Logged in as ${this.user.name}` }, icon("person"), h("span", null, this.user.name)),
      h("button", { type: "submit", class: "button quiet" }, "Log out"));
  }

  // Somebody is there: their session goes on, and so does this page's. Seldom, for what is typed asks for it often.
  isThere() {
    if (!this.user || this.outside || this.renewing || Date.now() - (this.renewed ?? this.began) < RENEW) return;
    this.renew();
  }

  // Show the session that this browser has now, which may have begun in another tab; whether it holds.
  async renew() {
    this.renewing = true;
    try {
      const answer = await fetch("session", { method: "POST", headers: { "X-XSRFToken": cookie("_xsrf") } });
      if (answer.status === 403) this.askToLogIn(); // before somebody types what could not be saved
      if (!answer.ok) return false;
      const { ticket } = await answer.json();
      const told = await this.ask("renew", { ticket });
      if (!told.ok && !told.login) this.sayLogin(told.error);
      if (told.ok) this.renewed = Date.now();
      return told.ok;
    } catch {
      return false; // the server is away, which the page says elsewhere
    } finally {
      this.renewing = false;
    }
  }

  // What was typed stays: one logs in in another tab, and comes back.
  askToLogIn() {
    if (this.outside) return;
    this.outside = true;
    this.sayLogin("Your session has ended. Log in in another tab and come back; what you have typed stays here.");
  }

  sayLogin(sentence) {
    const logIn = () => open("login", "_blank");
    this.lost.replaceChildren(icon("warn"), h("span", null, sentence), button("Log in", "person", { onclick: logIn }));
    this.lost.hidden = false;
    this.toast(sentence, "red", { name: "Log in", act: logIn }); // what is behind a dialog is not seen
  }

  async comeBack() {
    if (!this.outside || document.hidden || this.renewing || !(await this.renew())) return;
    this.outside = false;
    this.lost.hidden = true;
    this.toast("You are logged in again.", "");
    if (this.catchUp) this.catchUp();
    else this.told({ type: "changed" });
  }

  drawBanners() {
    const { demo, offline, notice } = this.header;
    const lines = [];
    if (notice) lines.push(["amber", "info", notice]);
    if (demo) lines.push(["", "info", "Example workspace: an offline provider stands in for the model, and no language model is asked."]);
    else if (offline) lines.push(["amber", "info", "Offline provider: no language model is asked. Set ANTHROPIC_API_KEY to use one."]);
    this.banners.replaceChildren(...this.drawPauses(), ...lines.map(([tone, mark, text]) => h("div", { class: `banner ${tone}` }, icon(mark), h("span", null, text))));
    const { upgraded } = this.header, alarm = upgraded ? UPGRADED : this.alarm();
    const remedy = upgraded ? null : [" Keep ", h("code", null, "wsq serve"), " running, or have ", h("code", null, "wsq schedule install"), " start it by itself."];
    if (alarm !== this.alarmed) this.alarms.replaceChildren(...(alarm ? [h("div", { class: "banner red", role: "alert" }, icon("warn"), h("span", null, alarm, remedy))] : []));
    this.alarmed = alarm; // drawn anew only when it is another: a screen reader says an alert whenever it appears
  }

  // What keeps recurring tasks from starting by themselves; null while somebody comes by.
  alarm() {
    const { state, last, usual } = this.header.scheduler;
    if (state === "never") return "No scheduler has been seen: recurring tasks will not start by themselves.";
    if (state === "late") return `The scheduler was last seen ${whole.format(new Date(last))}, and usually comes every ${usual < 60 ? `${usual} s` : duration(usual).replace(/ 0 (s|min)$/, "")}: recurring tasks do not start by themselves.`;
    return null;
  }

  // The pauses that hold for what is shown: the workspace's before the store's own.
  pauses() {
    const { workspace, stores } = this.header.pauses ?? { stores: {} };
    return [workspace && { whole: true, ...workspace }, stores[this.opening.store] && { whole: false, ...stores[this.opening.store] }]
      .filter((pause) => pause && this.stillHolds(pause));
  }

  // Whether whoever answers this page can end the pause.
  mayResume(pause) { return !this.user || (pause.whole ? this.user.whole : this.may("admin")); }

  stillHolds(pause) { return !pause.until || Date.parse(pause.until) > this.now(); }

  drawPauses() {
    return this.pauses().map((pause) => {
      const go = this.mayResume(pause) && button("Resume", "play", { onclick: () => this.resume(pause.whole, go) });
      return h("div", { class: "banner amber" }, icon("pause"), h("span", null, h("strong", null, pause.whole ? "Everything is paused" : "This store is paused"), ` ${this.pausedUntil(pause)}`,
        pause.reason && [": ", h("q", null, pause.reason)], ". Nothing starts meanwhile."), go);
    });
  }

  pausedUntil(pause) { return pause.until ? `until ${soon(Date.parse(pause.until), this.now())}` : "until somebody resumes it"; }

  async resume(isWhole, pressed, store = undefined) {
    pressed.disabled = true;
    const answer = await this.attempt("resume", { whole: isWhole, ...(store && { store }) });
    pressed.disabled = false;
    return answer;
  }

  // When this browser was last here before this visit, in ms of the server's clock; null when it never was. A visit is
  // over when nobody has looked at any of the store's pages for half an hour.
  noteVisit() {
    const { store, page, path } = this.opening;
    if (!page || !store || path === "admin") return null;
    try {
      const visits = JSON.parse(localStorage.getItem("wsq-visits")) ?? {}, now = this.now(), { seen, before } = visits[store] ?? {};
      const last = seen && now - seen > VISIT ? seen : before ?? null;
      localStorage.setItem("wsq-visits", JSON.stringify({ ...visits, [store]: { seen: now, before: last } }));
      return last;
    } catch {
      return null; // without storage nothing is remembered
    }
  }

  // -- theme: the system's, a notebook's, or the one that was chosen here

  wearTheme() {
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.onSystem = () => this.applyTheme();
    this.system.addEventListener("change", this.onSystem);
    this.applyTheme();
  }

  applyTheme() {
    const notebook = document.body.dataset.jpThemeLight;
    const own = notebook === undefined ? (this.system.matches ? "dark" : "light") : notebook === "false" ? "dark" : "light";
    let chosen = null;
    try { chosen = localStorage.getItem("wsq-theme"); } catch { /* no storage: the system's choice stands */ }
    this.root.dataset.theme = chosen === "dark" || chosen === "light" ? chosen : own;
    if (this.opening.page) document.documentElement.dataset.theme = this.root.dataset.theme;
    if (this.header) this.drawBar();
  }

  // -- a notebook: its theme can be switched under us, and its shortcuts must not take our keys

  liveInACell() {
    this.onNotebookTheme = new MutationObserver(() => this.applyTheme());
    this.onNotebookTheme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    // JupyterLab listens on the document, before anything in a cell can; for its sake alone the key is seen on
    // the window. With Ctrl or Meta a key stays the notebook's (to save), but for our arrows.
    this.onWindowKey = (event) => {
      if (!(event.target instanceof Element) || !event.composedPath().includes(this.root)) return;
      const ours = !(event.ctrlKey || event.metaKey) || event.key.startsWith("Arrow");
      event.target.toggleAttribute("data-lm-suppress-shortcuts", ours);
    };
    window.addEventListener("keydown", this.onWindowKey, true);
    // In JupyterLab, Enter in a field does not send its form.
    this.root.addEventListener("keydown", (event) => {
      const form = event.key === "Enter" && !event.isComposing && event.target.matches("input") && event.target.form;
      if (!form) return;
      event.preventDefault();
      const send = form.querySelector("[type=submit]");
      if (!send?.disabled) form.requestSubmit(send);
    });
  }

  switchTheme() {
    const to = this.root.dataset.theme === "dark" ? "light" : "dark";
    try { // the system's own choice is followed again, also when it changes
      if (to === (this.system.matches ? "dark" : "light")) localStorage.removeItem("wsq-theme");
      else localStorage.setItem("wsq-theme", to);
    } catch { /* it lasts for this page then */ }
    this.applyTheme();
    this.root.dataset.theme = to;
    if (this.opening.page) document.documentElement.dataset.theme = to;
    this.drawBar();
    this.bar.lastElementChild.focus();
  }

  // -- connection: when the server is back, a fresh page knows the whole board again

  watchConnection() {
    const doc = this.model.document;
    if (!this.opening.page || !doc) return;
    doc.on_event("connection_lost", () => this.connectionLost());
  }

  connectionLost() {
    if (this.waiting) return;
    const again = button("Reload", "again", { onclick: () => this.reload() });
    this.lost.replaceChildren(icon("warn"), h("span", null, "The connection to the server was lost; what you see may be old."), again);
    this.lost.hidden = false;
    this.waiting = setInterval(async () => {
      try {
        if ((await fetch("health", { cache: "no-store" })).status < 500 && !this.busyTyping()) this.reload();
      } catch { /* not back yet */ }
    }, 1500);
  }

  // A page that is loaded anew knows everything again; what is open stands in its address.
  reload() { location.reload(); }

  // Whether somebody would be torn out of what they are doing.
  busyTyping() { return false; }

  tick() {
    const now = this.now();
    if (this.header?.pauses && this.banners.querySelectorAll("strong").length !== this.pauses().length) this.pausesChanged(); // one has run out
    for (const each of this.root.querySelectorAll("[data-until]")) setText(each, until((Number(each.dataset.until) - now) / 1000, this.header?.scheduler));
    for (const each of this.root.querySelectorAll("[data-ago]")) setText(each, ago((now - Number(each.dataset.ago)) / 1000));
    for (const each of this.root.querySelectorAll("[data-since]")) setText(each, duration(Math.floor((now - Number(each.dataset.since)) / 1000)));
  }

  pausesChanged() { this.drawBanners(); }

  since(at) {
    const when = Date.parse(at);
    return h("time", { datetime: at, title: whole.format(when), "data-ago": when }, ago((this.now() - when) / 1000));
  }

  countdown(at) {
    const when = Date.parse(at);
    return h("time", { class: "next", datetime: at, title: whole.format(when), "data-until": when, role: "timer", "aria-live": "off" }, until((when - this.now()) / 1000, this.header?.scheduler));
  }

  // Hear an event of the window for as long as this is shown.
  onWindow(name, hear) {
    addEventListener(name, hear);
    this.model.on("remove", () => removeEventListener(name, hear));
  }

  end() {
    this.alive = false;
    clearInterval(this.ticking);
    clearInterval(this.visiting);
    clearInterval(this.waiting);
    this.system.removeEventListener("change", this.onSystem);
    this.onNotebookTheme?.disconnect();
    if (this.onWindowKey) window.removeEventListener("keydown", this.onWindowKey, true);
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
