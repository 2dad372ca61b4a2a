// The state of an order in words.
import { html } from "../html.js";

const WORDS = {
  created: "Waiting for payment",
  "awaiting:payment": "Payment under way",
  complete: "Complete",
};
const CANCELLED = {
  expired: "Time ran out",
  user: "Cancelled by you",
  payment_failed: "Payment declined",
  refunded: "Refunded",
  admin: "Cancelled by an administrator",
};
const MARKS = { created: "◐", "awaiting:payment": "◐", complete: "✓", cancelled: "×" };
const KINDS = { created: "reserved", "awaiting:payment": "reserved", complete: "sold", cancelled: "withdrawn" };

/** @param {import("../store.js").Order} order */
export const statusWords = (order) =>
  WORDS[order.status] ?? `Cancelled${order.cancelReason ? `: ${lower(CANCELLED[order.cancelReason])}` : ""}`;

const lower = (text = "") => text.replace(/^Cancelled /, "").replace(/^./, (first) => first.toLowerCase());

export const OrderStatus = ({ order }) => html`
  <span class=${`status is-${KINDS[order.status]}`}><span class="mark" aria-hidden="true">${MARKS[order.status]}</span>${statusWords(order)}</span>`;
