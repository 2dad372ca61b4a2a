// Giving a reservation back.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Once, get } from "../api.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { alarm, announce } from "../notices.js";
import { navigate } from "../router.js";
import * as store from "../store.js";
import { Action } from "./parts.js";

/** @param {{order: import("../store.js").Order}} props */
export function CancelOrder({ order }) {
  const isPending = useSignal(false);
  const once = useRef(new Once()).current;
  const cancel = async () => {
    isPending.value = true;
    alarm("");
    try {
      await once.send("DELETE", `/api/orders/${order.id}`);
      store.putOrder(await get(`/api/orders/${order.id}`));
      navigate(`/orders/${order.id}`, { replace: true });
      announce("The order is cancelled.");
    } catch (error) {
      alarm(error.message);
    } finally {
      isPending.value = false;
    }
  };
  return html`
    <${Action} type="button" class="button quiet" isPending=${isPending.value} disabled=${!canAct.value} onClick=${cancel}>Cancel order<//>`;
}
