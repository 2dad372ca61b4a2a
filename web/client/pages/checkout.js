// Paying for a reserved ticket, while there is time.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CancelOrder } from "../components/cancel-order.js";
import { Countdown } from "../components/countdown.js";
import { PageSkeleton, SignInFirst, Trouble, useLoaded } from "../components/loaded.js";
import { AlertRegion, Heading } from "../components/parts.js";
import { Pay } from "../components/pay.js";
import { html } from "../html.js";
import { resync } from "../live.js";
import { money } from "../money.js";
import { alarm } from "../notices.js";
import { navigate } from "../router.js";
import { user } from "../session.js";
import * as store from "../store.js";

const ENDED = {
  expired: "The reservation has ended; you were not charged",
  payment_failed: "Your reservation has ended: the payment was declined too often",
  admin: "Your reservation has ended: it was released by an administrator",
};

export default function Checkout({ id }) {
  const order = store.order(id).value;
  const config = useSignal(/** @type {any} */ (null));
  const loading = useLoaded(`/api/orders/${encodeURIComponent(id)}`, store.putOrder);
  const settings = useLoaded("/api/config", (data) => (config.value = data));
  const isComplete = order?.status === "complete";
  useEffect(() => {
    if (isComplete) navigate(`/orders/${id}`, { replace: true });
  }, [isComplete]);
  if (!user.value) return html`<${SignInFirst} title="Checkout" why="Orders are shown to their buyers." />`;
  if (order === undefined && loading.error) return html`<${Trouble} ...${loading} />`;
  if (config.value === null && settings.error) return html`<${Trouble} ...${settings} />`;
  if (order === undefined || config.value === null) return html`<${PageSkeleton} />`;
  const isLive = store.isLive(order);
  const again = () => (resync("me"), loading.again());
  return html`
    <${Heading}>Checkout<//>
    <div class="checkout">
      <${Summary} order=${order} again=${again} />
      ${isLive && html`<${Payment} order=${order} config=${config.value} again=${again} />`}
      ${order.status === "cancelled" && html`<${Over} order=${order} />`}
    </div>`;
}

const Summary = ({ order, again }) => html`
  <section class="summary" aria-label="Your ticket">
    <h2>${order.ticket.title}</h2>
    <p class="price">${money(order.ticket.price, order.ticket.currency)}</p>
    ${store.isLive(order) && html`
      <p class="note">This is what is charged, whatever the seller changes now.</p>
      <p class="time-left"><span>Reserved for you for</span><${Countdown} until=${order.expiresAt} isOwn onOver=${again} /></p>`}
  </section>`;

function Payment({ order, config, again }) {
  if (config.publishableKey) return html`<${Pay} order=${order} config=${config} again=${again} />`;
  return html`
    <section class="sheet">
      <${AlertRegion} />
      <p>Card payments come with the payment provider's form, which is not set up here.</p>
      <${CancelOrder} order=${order} />
    </section>`;
}

/** The ticket is not ours any more. */
function Over({ order }) {
  const text = ENDED[order.cancelReason];
  useEffect(() => {
    if (text) alarm(text);
    else navigate(`/orders/${order.id}`, { replace: true }); // Cancelled by the buyer, or refunded.
  }, [text]);
  return html`
    <section class="sheet">
      <${AlertRegion} />
      <p>${order.cancelReason !== "expired" && "Nothing was charged. "}The ticket is on the market again, if nobody has bought it.</p>
      <a class="button" href=${`/tickets/${order.ticket.id}`}>Back to the ticket</a>
    </section>`;
}
