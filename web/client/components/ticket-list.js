// Tickets on sale, live: what is gone fades away when nobody points at it, and nothing else moves.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import * as store from "../store.js";
import { TicketCard } from "./ticket-card.js";

const SHOWN_GONE_MS = 4_000; // Long enough to read "Sold".
const LOOK_AGAIN_MS = 1_000;
const FADE_MS = 300;

/** Whether somebody is about to click in there, or moves through it with the keyboard. */
const isInUse = (list) => list?.matches(":hover") || list?.contains(document.activeElement);

function Row({ id, list, onGone, ...rest }) {
  const isLeaving = useSignal(false);
  const status = store.ticket(id).value?.status;
  const isGone = status === "sold" || status === "withdrawn";
  useEffect(() => {
    if (!isGone || !onGone) return undefined;
    let timer = setTimeout(function look() {
      if (isInUse(list.current)) {
        timer = setTimeout(look, LOOK_AGAIN_MS);
      } else {
        isLeaving.value = true;
        timer = setTimeout(() => onGone(id), FADE_MS);
      }
    }, SHOWN_GONE_MS);
    return () => (clearTimeout(timer), (isLeaving.value = false));
  }, [isGone]);
  return html`<${TicketCard} id=${id} isLeaving=${isLeaving.value} ...${rest} />`;
}

/** @param {{ids: string[], onGone?: (id: string) => void, withEvent?: boolean, label?: string}} props */
export function TicketList({ ids, label = "Tickets", ...rest }) {
  const list = useRef(null);
  return html`
    <ul class="list" aria-label=${label} ref=${list}>
      ${ids.map((id) => html`<${Row} key=${id} id=${id} list=${list} ...${rest} />`)}
    </ul>`;
}
