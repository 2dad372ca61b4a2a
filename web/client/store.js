// What is known of tickets and orders: one signal an item, whoever told of it.
//
// Answers by REST and updates by the socket come here alike. An item is taken only if its version
// is newer; so the order in which they arrive does not matter.
import { batch, signal } from "@preact/signals";
import { now } from "./clock.js";

/**
 * @typedef {{id: string, name: string, category: string, venue: string, city: string,
 *   startsAt: string, timeZone: string}} EventCard
 * @typedef {{kind?: "ticket", id: string, title: string, price: number, currency: string,
 *   status: "available"|"reserved"|"sold"|"withdrawn", userId: string, version: number,
 *   createdAt: string, reservedUntil?: string, orderId?: string, event?: string|EventCard,
 *   section?: string, row?: string, seat?: string, withdrawReason?: string, delivery?: string}} Ticket
 * @typedef {{kind?: "order", id: string, userId: string, status: string, cancelReason?: string,
 *   expiresAt: string, version: number, createdAt: string, delivery?: string,
 *   ticket: {id: string, title: string, price: number, currency: string, version: number}}} Order
 */

/** @type {Map<string, import("@preact/signals").Signal<Ticket|undefined>>} */
const tickets = new Map();
/** @type {Map<string, import("@preact/signals").Signal<Order|undefined>>} */
const orders = new Map();

/** Grows when an own order is first heard of: lists look again. */
export const ordersKnown = signal(0);

/** @template T @param {Map<string, import("@preact/signals").Signal<T|undefined>>} all @param {string} id */
function entry(all, id) {
  let found = all.get(id);
  if (found === undefined) {
    found = signal(undefined);
    all.set(id, found);
  }
  return found;
}

/** @param {string} id */
export const ticket = (id) => entry(tickets, id);
/** @param {string} id */
export const order = (id) => entry(orders, id);

/** @param {Ticket} item */
export const putTicket = (item) => put(ticket(item.id), item);

/** @param {Order} item */
export function putOrder(item) {
  const held = order(item.id);
  const isNew = held.peek() === undefined;
  const taken = put(held, item);
  if (isNew) ordersKnown.value += 1;
  return taken;
}

/**
 * Items of any kind, as updates bring them.
 * @param {Array<any>} items
 * @param {boolean} onlyKnown of everything that happens, keep what somebody here looks at
 */
export function putAll(items, onlyKnown) {
  batch(() => {
    for (const item of items) {
      if (onlyKnown && !tickets.has(item.id)) continue;
      if (item.kind === "ticket") putTicket(item);
      else if (item.kind === "order") putOrder(item);
    }
  });
}

/** @param {import("@preact/signals").Signal<any>} held @param {any} item */
function put(held, item) {
  const known = held.peek();
  if (known !== undefined && item.version <= known.version) {
    if (item.version < known.version) return false;
    // The same version says more to those whom it concerns, and a reservation whose time is up
    // reads as none before its end has been written down.
    const isOver = Boolean(known.reservedUntil) && Date.parse(known.reservedUntil) <= now();
    const saysMore = Object.keys(item).some((name) => !(name in known) && name !== "reservedUntil");
    if (!(isOver && item.status !== known.status) && !saysMore) return false;
    held.value = item.status === known.status ? { ...known, ...item } : item;
    return true;
  }
  held.value = item;
  return true;
}

/** Own orders that are known, newest first. */
export function ownOrders() {
  void ordersKnown.value;
  return [...orders.values()]
    .map((held) => held.value)
    .filter((one) => one !== undefined)
    .sort((a, b) => (a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id) ? 1 : -1));
}

/** @param {Order} one */
export const isLive = (one) => one.status === "created" || one.status === "awaiting:payment";

/** The own order that holds the ticket now. @param {string} ticketId */
export const liveOrderFor = (ticketId) =>
  ownOrders().find((one) => one.ticket.id === ticketId && isLive(one));

/** What was one user's is nobody else's. */
export function forgetOwn() {
  batch(() => {
    for (const held of orders.values()) held.value = undefined;
    for (const held of tickets.values()) {
      const known = held.peek();
      if (known?.orderId || known?.delivery) held.value = { ...known, orderId: undefined, delivery: undefined };
    }
  });
  orders.clear();
  ordersKnown.value += 1;
}
