// Paying for a reserved ticket, while there is time.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api.js";
import * as cards from "../cards.js";
import * as clock from "../clock.js";
import { CancelOrder } from "../components/cancel-order.js";
import { Countdown } from "../components/countdown.js";
import { Field, Submit, refuse, useForm } from "../components/form.js";
import { PageSkeleton, SignInFirst, Trouble, useLoaded } from "../components/loaded.js";
import { AlertRegion, Heading } from "../components/parts.js";
import { html } from "../html.js";
import { resync } from "../live.js";
import { money } from "../money.js";
import { alarm, announce } from "../notices.js";
import { navigate } from "../router.js";
import { user } from "../session.js";
import * as store from "../store.js";

const ENDED = {
  expired: "Your reservation has ended",
  payment_failed: "Your reservation has ended: the payment was declined too often",
  admin: "Your reservation has ended: it was released by an administrator",
};

const DECLINES = {
  insufficient_funds: "The card has insufficient funds.",
  expired_card: "The card has expired.",
  incorrect_cvc: "The security code is not right.",
};

export default function Checkout({ id }) {
  const order = store.order(id).value;
  const loading = useLoaded(`/api/orders/${encodeURIComponent(id)}`, store.putOrder);
  const config = useLoaded("/api/config", (data) => (settings.value = data));
  const settings = useSignal(null);
  const isComplete = order?.status === "complete";
  useEffect(() => {
    if (isComplete) navigate(`/orders/${id}`, { replace: true });
  }, [isComplete]);
  if (!user.value) return html`<${SignInFirst} title="Checkout" why="Orders are shown to their buyers." />`;
  if (order === undefined && loading.error) return html`<${Trouble} ...${loading} />`;
  if (order === undefined || (settings.value === null && !config.error)) return html`<${PageSkeleton} />`;
  const again = () => (resync("me"), loading.again());
  return html`
    <${Heading}>Checkout<//>
    <div class="checkout">
      <${Summary} order=${order} again=${again} />
      ${order.status === "cancelled"
        ? html`<${Over} order=${order} />`
        : html`<${Payment} order=${order} isTest=${settings.value?.testMode ?? false} again=${again} />`}
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
      <p>Nothing was charged. The ticket is on the market again, if nobody has bought it.</p>
      <a class="button" href=${`/tickets/${order.ticket.id}`}>Back to the ticket</a>
    </section>`;
}

function Payment({ order, isTest, again }) {
  const isWaiting = useSignal(false);
  const form = useForm(async (card, once, element) => {
    const wrong = cards.faults(card, clock.now());
    if (Object.keys(wrong).length) refuse(wrong);
    const token = await cards.tokenOf(card);
    if (token === null) refuse({ number: "This is a test: use one of the test cards" });
    try {
      const { data } = await once.send("POST", "/api/payments", { orderId: order.id, token });
      await settle(order.id, data, isWaiting);
    } catch (error) {
      await again();
      if (store.order(order.id).peek()?.status === "complete") return;
      if (error.code !== "payment_declined") throw error;
      alarm(declined(error.more));
      element.elements.namedItem("number").focus();
    }
  });
  if (!isTest) {
    return html`
      <section class="sheet">
        <${AlertRegion} />
        <p>Card payments come with the payment provider's form, which is not set up here.</p>
        <${CancelOrder} order=${order} />
      </section>`;
  }
  const isBusy = isWaiting.value || order.status === "awaiting:payment";
  const onNumber = ({ currentTarget }) => (currentTarget.value = cards.grouped(currentTarget.value));
  const onExpiry = (event) => {
    const isErasing = event.inputType?.startsWith("delete") ?? false;
    event.currentTarget.value = cards.expiryTyped(event.currentTarget.value, isErasing);
  };
  return html`
    <section class="sheet" aria-label="Payment">
      <form novalidate autocomplete="on" onSubmit=${form.submit}>
        <${AlertRegion} />
        <${Field} form=${form} name="number" label="Card number" inputmode="numeric" autocomplete="cc-number" placeholder="1234 1234 1234 1234" onType=${onNumber} />
        <div class="pair">
          <${Field} form=${form} name="expiry" label="Expiry" inputmode="numeric" autocomplete="cc-exp" placeholder="MM / YY" maxlength="7" onType=${onExpiry} />
          <${Field} form=${form} name="code" label="Security code" inputmode="numeric" autocomplete="cc-csc" placeholder="CVC" maxlength="4" />
        </div>
        <div class="actions">
          <${Submit} form=${form} class="button big" disabled=${isWaiting.value}>Pay ${money(order.ticket.price, order.ticket.currency)}<//>
          <${CancelOrder} order=${order} />
        </div>
        ${isBusy && html`<p class="note">Your bank is being asked; this can take a moment.</p>`}
      </form>
      <${TestCards} />
    </section>`;
}

const TestCards = () => html`
  <details class="test-cards" open>
    <summary>Test mode: no money moves</summary>
    <p>Use one of these cards, with any date ahead and any security code.</p>
    <ul>${cards.TEST_CARDS.map(({ number, effect }) => html`<li key=${number}><code>${number}</code> <span>${effect}</span></li>`)}</ul>
  </details>`;

/** Wait until it is known what became of the payment. */
async function settle(orderId, started, isWaiting) {
  let payment = started;
  isWaiting.value = true;
  try {
    for (let pause = 500; payment.status === "processing"; pause = Math.min(pause * 1.5, 5_000)) {
      announce("Your bank is being asked.");
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (store.order(orderId).peek()?.status === "cancelled") return;
      payment = await get(`/api/payments/${orderId}`);
    }
  } finally {
    isWaiting.value = false;
  }
  if (payment.status === "captured") {
    store.putOrder(await get(`/api/orders/${orderId}`));
    navigate(`/orders/${orderId}`, { replace: true });
    announce("Paid. The ticket is yours.");
  } else if (payment.status === "declined") {
    alarm(declined(payment));
  } else if (payment.status === "requires_action") {
    alarm("Your bank wants to hear from you first, which is not possible here. Use another card.");
  }
}

/** @param {{declineCode?: string, attemptsLeft?: number}} said */
function declined({ declineCode = "", attemptsLeft }) {
  const reason = DECLINES[declineCode] ?? "The card was declined.";
  if (attemptsLeft === undefined) return reason;
  return `${reason} ${attemptsLeft === 1 ? "1 attempt left" : `${attemptsLeft} attempts left`}.`;
}
