// Paying for an order, as it is seen: the card, the bank's question, and the wait for what comes of it.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { money } from "../money.js";
import { usePayment } from "../payment.js";
import { provider, show } from "../payment-form.js";
import { CancelOrder } from "./cancel-order.js";
import { Action, AlertRegion } from "./parts.js";
import { TestCards } from "./test-cards.js";

/**
 * @param {{order: import("../store.js").Order, config: any, again: () => Promise<any>}} props
 *   again: have the order looked at anew
 */
export function Pay({ order, config, again }) {
  const stripe = useProvider(config);
  const payment = usePayment(order, stripe.value, again);
  return html`
    <section class="sheet" aria-label="Payment">
      <${AlertRegion} />
      <${Panel} order=${order} stripe=${stripe} payment=${payment} />
      ${config.testMode && html`<${TestCards} />`}
    </section>`;
}

function Panel({ order, stripe, payment }) {
  const panel = payment.panel.value;
  if (panel === "waiting") return html`<${Waiting} order=${order} />`;
  if (stripe.hasFailed) return html`<${NoForm} order=${order} again=${stripe.again} />`;
  const isAsked = panel === "asked";
  return html`
    ${isAsked && html`<${Asked} order=${order} payment=${payment} />`}
    <${CardForm} order=${order} stripe=${stripe} payment=${payment} isHidden=${isAsked} />`;
}

/** The provider's form has not come. */
const NoForm = ({ order, again }) => html`
  <div role="alert">
    <h2 class="sheet-title">The payment form cannot be loaded</h2>
    <p>It comes from our payment provider. Check your connection, and whether something in your browser blocks it.</p>
  </div>
  <div class="actions">
    <button class="button" type="button" onClick=${again}>Try again</button>
    <${CancelOrder} order=${order} />
  </div>`;

const Waiting = ({ order }) => html`
  <div class="waiting" role="status">
    <h2 class="sheet-title">Your bank is being asked</h2>
    <p class="note">This can take a moment. The payment goes on if you leave this page.</p>
  </div>
  <div class="actions"><${CancelOrder} order=${order} /></div>`;

/** The bank wants to know that it is really the card holder. */
function Asked({ order, payment }) {
  const heading = useRef(null);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current.focus(); // Back from a dialogue that is gone.
  }, []);
  return html`
    <div>
      <h2 ref=${heading} class="sheet-title" tabindex="-1">Your bank wants to hear from you</h2>
      <p>It makes sure that it is you who pays. Nothing is charged until you have answered.</p>
    </div>
    <div class="actions">
      <${Action} type="button" class="button big" isPending=${payment.isBusy.value} disabled=${!canAct.value} onClick=${payment.answer}>Continue with your bank<//>
      <button class="button secondary" type="button" disabled=${payment.isBusy.value} onClick=${payment.change}>Use another card</button>
      <${CancelOrder} order=${order} />
    </div>`;
}

/** The card fields, which are the provider's, and the button, which is ours. */
function CardForm({ order, stripe, payment, isHidden }) {
  const isReady = useSignal(false);
  const place = useRef(null);
  const shown = useRef(null);
  // Frames are not measured rightly where nobody sees them: they are made when they are wanted.
  const wasWanted = useRef(false);
  wasWanted.current ||= !isHidden;
  const isWanted = wasWanted.current && stripe.value !== null;
  useEffect(() => {
    if (!isWanted) return undefined;
    const hear = { onReady: () => (isReady.value = true), onFailure: stripe.fail };
    const form = show(stripe.value, order.ticket, place.current, hear);
    shown.current = form;
    return () => ((shown.current = null), form.remove());
  }, [isWanted]);
  const submit = async (event) => {
    event.preventDefault();
    if (!isReady.peek() || !(await payment.pay(shown.current.elements))) return;
    if (payment.panel.peek() === "card") shown.current?.focus(); // It was no good: another one.
  };
  const { price, currency } = order.ticket;
  return html`
    <form hidden=${isHidden} novalidate onSubmit=${submit}>
      <div class=${isReady.value || isHidden ? "" : "card-fields skeleton"} ref=${place}></div>
      <div class="actions">
        <${Action} type="submit" class="button big" isPending=${payment.isBusy.value} disabled=${!isReady.value || !canAct.value}>Pay ${money(price, currency)}<//>
        <${CancelOrder} order=${order} />
      </div>
    </form>`;
}

/** Stripe's object, when it is there. @param {any} config */
function useProvider(config) {
  const value = useSignal(/** @type {any} */ (null));
  const hasFailed = useSignal(false);
  const load = () => {
    hasFailed.value = false;
    provider(config).then(
      (stripe) => (value.value = stripe),
      () => (hasFailed.value = true),
    );
  };
  useEffect(load, []);
  const fail = () => (hasFailed.value = true);
  return { value: value.value, hasFailed: hasFailed.value, again: load, fail };
}
