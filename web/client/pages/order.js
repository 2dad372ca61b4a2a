// One order: what became of it, and how to get in.
import { Countdown } from "../components/countdown.js";
import { CancelOrder } from "../components/cancel-order.js";
import { PageSkeleton, SignInFirst, Trouble, useLoaded } from "../components/loaded.js";
import { OrderStatus } from "../components/order-status.js";
import { AlertRegion, Heading } from "../components/parts.js";
import { Timeline } from "../components/timeline.js";
import { html } from "../html.js";
import { resync } from "../live.js";
import { money } from "../money.js";
import { user } from "../session.js";
import * as store from "../store.js";
import { moment } from "../times.js";

export default function OrderPage({ id }) {
  const order = store.order(id).value;
  const loading = useLoaded(`/api/orders/${encodeURIComponent(id)}`, store.putOrder);
  if (!user.value) return html`<${SignInFirst} title="Order" why="Orders are shown to their buyers." />`;
  if (order === undefined) return loading.error ? html`<${Trouble} ...${loading} />` : html`<${PageSkeleton} />`;
  const isLive = store.isLive(order);
  const again = () => (resync("me"), loading.again());
  return html`
    <section class="narrow">
      <${Heading}>Order<//>
      <div class="sheet" data-order=${order.id} data-status=${order.status} data-version=${order.version}>
        <p class="order-state"><${OrderStatus} order=${order} />
          ${isLive && html`<${Countdown} until=${order.expiresAt} isOwn onOver=${again} />`}</p>
        <dl class="facts">
          <dt>Ticket</dt><dd><a href=${`/tickets/${order.ticket.id}`}>${order.ticket.title}</a></dd>
          <dt>Amount</dt><dd>${money(order.ticket.price, order.ticket.currency)}</dd>
          <dt>Ordered</dt><dd>${moment(order.createdAt)}</dd>
        </dl>
        ${order.status === "complete" && html`<${GetIn} order=${order} />`}
        ${order.cancelReason === "refunded" && html`
          <p>The sale was undone, and ${money(order.ticket.price, order.ticket.currency)} go back to your card. Banks take some days to show it.</p>`}
        <${Timeline} key=${order.id} order=${order} />
        <${AlertRegion} />
        ${isLive && html`
          <div class="actions">
            <a class="button" href=${`/checkout/${order.id}`}>Continue to checkout</a>
            <${CancelOrder} order=${order} />
          </div>`}
      </div>
      <p class="aside"><a href="/orders">Back to your orders</a></p>
    </section>`;
}

const GetIn = ({ order }) => html`
  <section class="get-in">
    <h2>How to get in</h2>
    ${order.delivery
      ? html`<p class="delivery">${order.delivery}</p>`
      : html`<p class="note">The seller has written nothing; the ticket is in your name.</p>`}
  </section>`;
