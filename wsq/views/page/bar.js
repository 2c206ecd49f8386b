// The bar at the top of every page.

import { pageAddress } from "./address.js";
import { h, icon, iconButton, select } from "./elements.js";
import { formatNumber } from "./numbers.js";
import { formToken } from "./session.js";

const PAGES = [
  ["board", "Board"],
  ["library", "Library"],
  ["statistics", "Statistics"],
  ["since", "Since"],
  ["admin", "Admin"],
];

/** A store's name, with its id when another store has the same name. */
export function distinctName(store, stores) {
  const isShared = stores.some((other) => other.id !== store.id && other.name === store.name);
  return isShared ? `${store.name} (${store.id})` : store.name;
}

export function storeName(stores, id) {
  return stores.find((store) => store.id === id)?.name ?? id;
}

/** What is in the bar; a notebook's cell has no other pages to lead to. */
export function drawBar(page) {
  const { store, path } = page.opening;
  const title = PAGES.find(([each]) => each === path)[1];
  const places = page.opening.page
    ? [drawPages(page), h("span", { class: "gap" }), drawStores(page)]
    : [h("strong", null, store), h("span", { class: "gap" })];
  return [
    h("span", { class: "brand" }, icon("board"), "wsq"),
    h("h1", { class: "unseen" }, page.heading(title)),
    ...places,
    ...page.barExtras(),
    drawUser(page),
    drawThemeButton(page),
  ].filter(Boolean);
}

function drawPages(page) {
  const { store, path } = page.opening;
  const shown = PAGES.filter(([each]) => each !== "admin" || path === "admin" || page.user?.rules !== false);
  const counting = shown.some(([each]) => each === "admin") ? "admin" : "board";
  const links = shown.map(([each, name]) => {
    const current = each === path ? "page" : null;
    return h(
      "a",
      { href: pageAddress(each, store), "aria-current": current },
      name,
      each === counting && drawAlerts(page),
    );
  });
  return h("nav", { "aria-label": "Pages" }, links);
}

/** How much needs attention: everywhere, or in the store for who administers none. */
function drawAlerts(page) {
  const { alerts } = page.header;
  const listed =
    page.user?.rules === false
      ? [Object.hasOwn(alerts, page.opening.store) ? alerts[page.opening.store] : 0]
      : Object.values(alerts);
  const number = listed.reduce((sum, each) => sum + each, 0);
  if (!number) return null;
  const sentence = number === 1 ? "1 thing needs attention" : `${formatNumber(number)} things need attention`;
  const shown = h("span", { "aria-hidden": "true" }, formatNumber(number));
  return h("span", { class: "alarms", title: sentence }, shown, h("span", { class: "unseen" }, ` ${sentence}`));
}

function drawStores(page) {
  const { store, path } = page.opening;
  if (path === "admin" || path === "statistics") return null;
  const known = page.header.stores;
  const stores = known.some((each) => each.id === store) ? known : [{ id: store, name: store }, ...known];
  const open = (event) => {
    location.href = pageAddress(path, event.currentTarget.value);
  };
  const options = stores.map((each) => [each.id, distinctName(each, stores)]);
  const pick = select({ class: "button", "aria-label": "Store", onchange: open }, options, store);
  return h("span", { class: "pick" }, pick);
}

function drawUser(page) {
  if (!page.user || !page.opening.page) return null;
  return h(
    "form",
    { method: "post", action: "logout", class: "user" },
    h("input", { type: "hidden", name: "_xsrf", value: formToken() }),
    h("span", { title: `Logged in as ${page.user.name}` }, icon("person"), h("span", null, page.user.shown)),
    h("button", { type: "submit", class: "button quiet" }, "Log out"),
  );
}

function drawThemeButton(page) {
  const { isDark } = page.theme;
  const toggle = () => {
    page.theme.toggle();
    page.bar.lastElementChild.focus();
  };
  const name = isDark ? "Light theme" : "Dark theme";
  return iconButton(name, isDark ? "sun" : "moon", { title: null, onclick: toggle });
}
