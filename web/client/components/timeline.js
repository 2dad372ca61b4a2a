// What happened to a payment, in the order in which it did.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, get } from "../api.js";
import { reason } from "../declines.js";
import { html } from "../html.js";
import { moment } from "../times.js";

// What is not here says nothing to a buyer: steps between us and the provider.
const WORDS = {
  started: () => "A card was sent to the bank",
  action_required: () => "Your bank asked whether it is you",
  authorised: () => "Your bank approved the payment",
  captured: () => "Paid",
  declined: reason,
  not_sent: () => "The payment provider could not be reached; nothing was charged",
  voided: () => "The payment was dropped; nothing was charged",
  impossible: () => "Your bank took its approval back; nothing was charged",
  refunding: () => "The money is on its way back to your card",
  refunded: () => "The money was given back to your card",
  refund_failed: () => "The money could not be given back to your card; we are looking into it",
};

// What will be followed by something soon, and how often that is looked for.
const UNFINISHED = new Set(["started", "authorised", "settled", "voiding", "refunding"]);
const LOOKS = 5;
const LOOK_MS = 2_000;

/** Whether a card was ever tried: being placed and being cancelled is a step of an order each. */
const wasTried = ({ status, version }) => version > (status === "cancelled" ? 2 : 1);

/** @param {{order: import("../store.js").Order}} props */
export function Timeline({ order }) {
  const lines = useSignal(/** @type {Array<{at: string, what: string, detail?: string}>} */ ([]));
  useEffect(() => {
    if (!wasTried(order)) return undefined;
    const stop = new AbortController();
    let timer = 0;
    const look = async (left) => {
      try {
        const { timeline } = await get(`/api/payments/${order.id}`, { signal: stop.signal });
        lines.value = timeline.filter(({ what }) => what in WORDS);
        if (left && UNFINISHED.has(timeline.at(-1).what)) timer = setTimeout(look, LOOK_MS, left - 1);
      } catch (error) {
        if (!stop.signal.aborted && !(error instanceof Problem)) throw error; // The order is all there is, then.
      }
    };
    void look(LOOKS);
    return () => (stop.abort(), clearTimeout(timer));
  }, [order.id, order.version]);
  if (!lines.value.length) return null;
  return html`
    <section aria-labelledby="payment-title">
      <h2 id="payment-title">Payment</h2>
      <ol class="timeline">
        ${lines.value.map(({ at, what, detail }, index) => html`
          <li key=${index} class=${`is-${what}`}><span>${WORDS[what](detail)}</span> <time datetime=${at}>${moment(at)}</time></li>`)}
      </ol>
    </section>`;
}
