// Addresses: which page is shown, and how to get to another one.
import { signal } from "@preact/signals";
import { alarm } from "./notices.js";
import { match } from "./routes.js";

/**
 * @typedef {{load: () => Promise<any>, params: Record<string, string>, path: string,
 *   query: URLSearchParams, visit: number}} Route
 */

// A document keeps the policy that it was loaded with, and only a checkout may show the payment
// provider's form (`web/shell.py`): whoever comes there, or leaves, loads the page.
const isCheckout = (path) => path.startsWith("/checkout/");
const isOfCheckout = isCheckout(location.pathname);
/** @param {string} path */
const isElsewhere = (path) => isCheckout(path) !== isOfCheckout;

let visit = 0; // Every navigation shows its page anew.

/** @returns {Route} */
function here() {
  const { pathname: path, search } = location;
  return { ...match(path), path, query: new URLSearchParams(search), visit };
}

/** Where we are. */
export const route = signal(here());

/** Whether a heading that appears is to have the focus: not on the page that we began with. */
let wantsFocus = false;
/** Where to scroll when the page is there again. @type {number|null} */
let scrollTo = null;

/** Take the focus, if it is due. @param {HTMLElement} heading */
export function arrive(heading) {
  if (!wantsFocus) return;
  wantsFocus = false;
  heading.focus({ preventScroll: true });
  window.scrollTo(0, scrollTo ?? 0);
  scrollTo = null;
}

/** Go to an address of ours. @param {string} url @param {{replace?: boolean}} [how] */
export function navigate(url, { replace = false } = {}) {
  const target = new URL(url, location.href);
  history.replaceState({ ...history.state, top: window.scrollY }, "");
  if (isElsewhere(target.pathname)) return location[replace ? "replace" : "assign"](target);
  history[replace ? "replaceState" : "pushState"]({}, "", target);
  scrollTo = null;
  return show();
}

/** Change the query only: the page stays, and nothing is focused. @param {string} url */
export function rewrite(url) {
  history.replaceState(history.state, "", url);
  route.value = here();
}

function show() {
  alarm("");
  wantsFocus = true;
  visit += 1;
  route.value = here();
}

/** A path of our own to go to afterwards, or home. @param {string|null} next */
export function ownPath(next) {
  if (!next || !next.startsWith("/") || next.startsWith("//") || next.includes("\\")) return "/";
  const target = new URL(next, location.origin);
  return target.origin === location.origin ? target.pathname + target.search : "/";
}

/** Where to sign in, and come back here. */
export const signInHere = () => `/signin?next=${encodeURIComponent(location.pathname + location.search)}`;

/** @param {MouseEvent} event */
function onClick(event) {
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!isPlain || event.defaultPrevented || !(event.target instanceof Element)) return;
  const link = event.target.closest("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return; // "Skip to content".
  if (!match(link.pathname).isKnown) return; // Another page of the server: /docs.
  event.preventDefault();
  navigate(link.href);
}

/** @param {Event} event Load what a link leads to when somebody is about to follow it. */
function onHint(event) {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link && link.origin === location.origin) match(link.pathname).load().catch(() => {});
}

export function startRouter() {
  history.scrollRestoration = "manual";
  document.addEventListener("click", onClick);
  document.addEventListener("pointerover", onHint, { passive: true });
  document.addEventListener("focusin", onHint);
  addEventListener("popstate", (event) => {
    if (isElsewhere(location.pathname)) return location.reload();
    scrollTo = event.state?.top ?? 0;
    return show();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    scrollTo = window.scrollY; // As it was, but nothing is pending any more.
    show();
  });
}
