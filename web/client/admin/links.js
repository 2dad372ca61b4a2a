// From what is said of one actor to the other actors that it names.
import { html } from "../html.js";

// Which fields hold the key of an actor of which kind.
const KINDS = {
  ticket_id: "ticket",
  order_id: "order",
  event_id: "event",
  seller_id: "account",
  buyer_id: "account",
  user_id: "account",
  last_ticket_id: "ticket",
};

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Kinds of actors, in the order in which a purchase meets them, and their services. */
export const SERVICE_OF = {
  ticket: "tickets",
  order: "orders",
  payment: "payments",
  event: "tickets",
  account: "auth",
  watch: "expiration",
  reconciler: "payments",
  audit: "auth",
};

export const isId = (text) => ID.test(text);

/** Where an actor is shown. @param {string} kind @param {string} key */
export const addressOf = (kind, key) => `/admin/actors/${kind}/${encodeURIComponent(key)}`;

/** A text which leads to the actor that it names, if it names one. @param {{name: string, value: string}} props */
export function Key({ name, value }) {
  const kind = KINDS[name];
  return kind && isId(value) ? html`<a href=${addressOf(kind, value)}>${value}</a>` : value;
}

/**
 * What else is known under the key of an actor, and where: an order and its payment have one key.
 * @param {string} kind @param {string} key @returns {Array<[string, string]>}
 */
export function relatedTo(kind, key) {
  switch (kind) {
    case "order":
      return [["payment", addressOf("payment", key)]];
    case "payment":
      return [["order", addressOf("order", key)]];
    case "ticket":
      return [["on the market", `/tickets/${key}`]];
    case "event":
      return [["on the market", `/events/${key}`]];
    default:
      return [];
  }
}

/** An id of many that begin alike, since they were made at about the same time: how it ends. @param {string} text */
export const ending = (text) => (isId(text) ? `…${text.slice(-8)}` : text);
