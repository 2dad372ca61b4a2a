// One's own orders, live.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, nextPage } from "../api.js";
import { Countdown } from "../components/countdown.js";
import { SignInFirst } from "../components/loaded.js";
import { More } from "../components/more.js";
import { OrderStatus } from "../components/order-status.js";
import { Empty, Heading, Skeletons } from "../components/parts.js";
import { html } from "../html.js";
import { resync } from "../live.js";
import { money } from "../money.js";
import { alarm } from "../notices.js";
import { user } from "../session.js";
import * as store from "../store.js";
import { moment } from "../times.js";

const TITLE = "My orders";

export default function Orders() {
  const who = user.value;
  if (!who) return html`<${SignInFirst} title=${TITLE} why="Then you see what you have bought." />`;
  return html`<${Heading}>${TITLE}<//><${List} key=${who.id} />`;
}

function List() {
  const next = useSignal(/** @type {string|null} */ (null));
  const isLoaded = useSignal(false);
  const take = (data) => data.forEach(store.putOrder);
  const load = async () => {
    try {
      const { data, headers } = await call("GET", "/api/orders?limit=30");
      take(data);
      next.value = nextPage(headers);
      isLoaded.value = true;
    } catch (error) {
      alarm(error.message);
    }
  };
  useEffect(() => void load(), []);
  const orders = store.ownOrders();
  return html`
    ${!isLoaded.value && !orders.length && html`<${Skeletons} count=${4} class="skeleton-row" />`}
    ${isLoaded.value && !orders.length && html`
      <${Empty} title="No orders yet"><p>What you buy is kept here, with how to get in.</p>
        <a class="button" href="/">See what is for sale</a><//>`}
    ${orders.length > 0 && html`
      <ul class="rows" aria-label="Orders">${orders.map((order) => html`<${Row} key=${order.id} order=${order} />`)}</ul>`}
    <${More} next=${next} take=${take} />`;
}

const Row = ({ order }) => html`
  <li class="row" data-order=${order.id} data-status=${order.status} data-version=${order.version}>
    <div class="row-text">
      <h2><a href=${`/orders/${order.id}`}>${order.ticket.title}</a></h2>
      <p class="ticket-line">${moment(order.createdAt)}</p>
    </div>
    <span class="price">${money(order.ticket.price, order.ticket.currency)}</span>
    <span class="row-state"><${OrderStatus} order=${order} />
      ${store.isLive(order) && html`<${Countdown} until=${order.expiresAt} onOver=${() => resync("me")} />`}</span>
  </li>`;
