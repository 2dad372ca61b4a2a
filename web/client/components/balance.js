// What a seller has earned, by currency.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, get } from "../api.js";
import { html } from "../html.js";
import { follow } from "../live.js";
import { money } from "../money.js";

const BOOKED_MS = 2_000; // A ticket is sold a moment before its money is in the books.

export function Balances() {
  const all = useSignal(/** @type {Array<Record<string, any>>} */ ([]));
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const load = () =>
      get("/api/users/balance", { signal: stop.signal }).then(
        (data) => (all.value = data),
        (error) => {
          if (!stop.signal.aborted && !(error instanceof Problem)) throw error; // The tickets are what one came for.
        },
      );
    void load();
    const letGo = follow("me", {
      news: ({ items }) => {
        if (!items.some((one) => one.kind === "ticket" && one.status !== "reserved")) return;
        clearTimeout(timer);
        timer = setTimeout(load, BOOKED_MS);
      },
    });
    return () => (letGo(), clearTimeout(timer), stop.abort());
  }, []);
  if (!all.value.length) return null;
  return html`
    <section class="balances" aria-label="What you have earned">
      ${all.value.map((one) => html`<${Balance} key=${one.currency} ...${one} />`)}
    </section>`;
}

const Balance = ({ currency, proceeds, fees, refunded, balance }) => html`
  <dl class="balance">
    <dt>Balance</dt><dd class="price">${money(balance, currency)}</dd>
    <dt>Sold for</dt><dd>${money(proceeds, currency)}</dd>
    ${fees !== 0 && html`<dt>Fees</dt><dd>${money(-fees, currency)}</dd>`}
    ${refunded !== 0 && html`<dt>Given back</dt><dd>${money(-refunded, currency)}</dd>`}
  </dl>`;
