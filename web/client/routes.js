// The table of addresses; `web/shell.py` has the same one.

const SIGN_IN = () => import("./pages/sign-in.js");
const FORM = () => import("./pages/ticket-form.js");

/** @type {Array<[string, () => Promise<any>]>} */
const TABLE = [
  ["/", () => import("./pages/tickets.js")],
  ["/events", () => import("./pages/events.js")],
  ["/events/new", () => import("./pages/event-new.js")],
  ["/events/{id}", () => import("./pages/event.js")],
  ["/tickets/{id}", () => import("./pages/ticket.js")],
  ["/tickets/{id}/edit", FORM],
  ["/sell", FORM],
  ["/checkout/{id}", () => import("./pages/checkout.js")],
  ["/orders", () => import("./pages/orders.js")],
  ["/orders/{id}", () => import("./pages/order.js")],
  ["/listings", () => import("./pages/listings.js")],
  ["/signin", SIGN_IN],
  ["/signup", SIGN_IN],
  ["/account", () => import("./pages/account.js")],
  ["/reset", () => import("./pages/reset.js")],
  ["/admin", () => import("./admin/overview.js")],
  ["/admin/actors", () => import("./admin/actors.js")],
  ["/admin/actors/{kind}/{key}", () => import("./admin/actor.js")],
  ["/admin/timers", () => import("./admin/timers.js")],
  ["/admin/parked", () => import("./admin/parked.js")],
  ["/admin/audit", () => import("./admin/audit.js")],
];

const PATTERNS = TABLE.map(([path, load]) => ({
  expression: new RegExp(`^${path.replace(/\{\w+\}/g, "([^/]+)")}$`),
  load,
}));

const nowhere = () => import("./pages/not-found.js");

/**
 * The page of *path*.
 * @param {string} path
 * @returns {{load: () => Promise<any>, params: Record<string, string>, isKnown: boolean}}
 */
export function match(path) {
  for (const { expression, load } of PATTERNS) {
    const found = expression.exec(path);
    if (found) return { load, params: found[1] ? { id: decoded(found[1]) } : {}, isKnown: true };
  }
  return { load: nowhere, params: {}, isKnown: false };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
