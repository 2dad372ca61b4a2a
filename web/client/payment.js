// The payment of an order: what the buyer does about it, and what became of it.
//
// What is true is what the server says: whatever the provider's form tells us, the server is asked.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Once, Problem, get } from "./api.js";
import { declined, refusal } from "./declines.js";
import { canAct } from "./live.js";
import { alarm, announce } from "./notices.js";
import { tokenOf } from "./payment-form.js";
import * as store from "./store.js";

const LOOK_MS = 700; // Before the second look at a payment that is under way; then half as long again,
const LOOK_MAX_MS = 5_000; // and at most this.

/**
 * The payment of *order*, and what can be done about it.
 *
 * Panels: `card`; `another`: the same, although the bank still waits for an answer about the last
 * one; `asked`: the bank has a question; `waiting`: what came of it is not known yet.
 * @param {import("./store.js").Order} order @param {any} stripe @param {() => Promise<any>} again
 */
export function usePayment(order, stripe, again) {
  const panel = useSignal(order.status === "awaiting:payment" ? "waiting" : "card");
  const isBusy = useSignal(false);
  const secret = useSignal("");
  const isAnswering = useRef(false);
  const once = useRef(new Once()).current;

  /** Do as the server says. */
  async function take(payment) {
    if (payment.status === "captured") {
      store.putOrder(await get(`/api/orders/${order.id}`));
      panel.value = "waiting"; // For the order, a moment at most.
      return;
    }
    if (payment.status === "requires_action") {
      secret.value = payment.clientSecret;
      panel.value = "asked";
    } else if (payment.status === "processing") {
      panel.value = "waiting";
    } else {
      panel.value = "card";
      if (payment.status === "declined") alarm(declined(payment));
      await again(); // Voided or refunded: the order has ended.
    }
  }

  async function refused(problem) {
    await again();
    const now = store.order(order.id).peek();
    if (now === undefined || !store.isLive(now)) return; // The page says why.
    panel.value = problem.code === "payment_in_progress" ? "waiting" : "card";
    alarm(refusal(problem));
  }

  /** @param {string} path @param {object} [body] @returns {Promise<any>} undefined: it was refused */
  async function send(path, body) {
    try {
      const { data } = await once.send("POST", path, body);
      await take(data);
      return data;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return refused(error);
    }
  }

  /** One thing at a time. @param {() => Promise<any>} act @returns {Promise<boolean>} whether it was done */
  async function alone(act) {
    if (isBusy.peek() || !canAct.peek()) return false;
    isBusy.value = true;
    alarm("");
    try {
      await act();
    } finally {
      isBusy.value = false;
    }
    return true;
  }

  const pay = (elements) =>
    alone(async () => {
      const { token, error } = await tokenOf(stripe, elements);
      if (error) return complain(error);
      const data = await send("/api/payments", { orderId: order.id, token });
      return data?.status === "requires_action" ? question() : undefined;
    });

  async function question() {
    isAnswering.current = true;
    try {
      await stripe.handleNextAction({ clientSecret: secret.peek() });
    } catch {
      // It has been answered elsewhere, say: the server knows.
    } finally {
      isAnswering.current = false;
    }
    return send(`/api/payments/${order.id}/confirm`);
  }

  // What the provider shows above the page is none of ours to close; it goes with the document. A
  // complete order has a page of its own, which is loaded anyway.
  const leave = () => {
    if (isAnswering.current && store.order(order.id).peek()?.status !== "complete") location.reload();
  };
  useEffect(() => leave, []);
  useLooks(order, panel, isBusy, take);
  return {
    panel,
    isBusy,
    pay,
    answer: () => alone(question),
    change: () => (alarm(""), (panel.value = "another")),
  };
}

/** Look at the payment now and then while it is under way, and at once when its order changes. */
function useLooks(order, panel, isBusy, take) {
  const isElsewhere = panel.value === "card" && order.status === "awaiting:payment"; // In another tab.
  const isUnderWay = !isBusy.value && (panel.value === "waiting" || isElsewhere);
  useEffect(() => {
    if (!isUnderWay) return undefined;
    const stop = new AbortController();
    let pause = LOOK_MS;
    let timer = 0;
    const look = async () => {
      try {
        const payment = await get(`/api/payments/${order.id}`, { signal: stop.signal });
        if (!stop.signal.aborted) await take(payment);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!(error instanceof Problem)) throw error; // Else it is looked at again.
      }
      if (stop.signal.aborted) return;
      timer = setTimeout(look, pause);
      pause = Math.min(pause * 1.5, LOOK_MAX_MS);
    };
    void look();
    return () => (stop.abort(), clearTimeout(timer));
  }, [isUnderWay, order.version]);
}

/** What the provider's form found wrong. @param {{type: string, message?: string}} error */
function complain({ type, message = "The card could not be read. Try again." }) {
  if (type === "validation_error") announce(message); // It is shown beside its field.
  else alarm(message);
}
