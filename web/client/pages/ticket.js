// One ticket: what it is, what it costs, and the way to buy it.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Once } from "../api.js";
import { categoryName } from "../categories.js";
import { Countdown } from "../components/countdown.js";
import { PageSkeleton, Trouble, useLoaded } from "../components/loaded.js";
import { Action, AlertRegion, Glyph, Heading, Status } from "../components/parts.js";
import { eventIdOf, eventOf, marks, place } from "../components/ticket-card.js";
import { html } from "../html.js";
import { canAct, follow, resync } from "../live.js";
import { money } from "../money.js";
import { alarm } from "../notices.js";
import { navigate, signInHere } from "../router.js";
import { user } from "../session.js";
import * as store from "../store.js";
import { eventTime, moment } from "../times.js";

const WITHDRAWN = {
  seller: "The seller has taken it off the market.",
  event_started: "The event has started.",
  refunded: "It was sold, and the money given back.",
};

export default function TicketPage({ id }) {
  const ticket = store.ticket(id).value;
  const topic = `ticket:${id}`;
  const loading = useLoaded(`/api/tickets/${encodeURIComponent(id)}`, store.putTicket);
  useEffect(() => follow(topic, { reset: loading.again }), [topic]);
  if (ticket === undefined) return loading.error ? html`<${Trouble} ...${loading} />` : html`<${PageSkeleton} />`;
  const event = eventOf(ticket);
  const onOver = () => (resync(topic), loading.again());
  return html`
    <article class="big-ticket" ...${marks(ticket)}>
      <div class="big-body">
        <p class="kicker"><${Glyph} name=${event?.category ?? "ticket"} />${event ? categoryName(event.category) : "Ticket"}</p>
        <${Heading}>${ticket.title}<//>
        <dl class="facts">
          <${EventFacts} ticket=${ticket} />
          <dt>Place</dt><dd>${place(ticket) || "No seat is named"}</dd>
          <dt>Offered</dt><dd>${moment(ticket.createdAt)}</dd>
          ${ticket.delivery && html`<dt>How to get in</dt><dd class="delivery">${ticket.delivery}</dd>`}
        </dl>
      </div>
      <div class="big-stub">
        <p class="price">${money(ticket.price, ticket.currency)}</p>
        <p class="ticket-state">
          <${Status} status=${ticket.status} />
          ${ticket.status === "reserved" && ticket.reservedUntil && html`
            <${Countdown} until=${ticket.reservedUntil} label="Reserved for" onOver=${onOver} />`}
        </p>
        <${AlertRegion} />
        <${Choices} ticket=${ticket} again=${loading.again} />
      </div>
    </article>`;
}

function EventFacts({ ticket }) {
  const event = eventOf(ticket);
  const eventId = eventIdOf(ticket);
  if (!eventId) return null;
  if (!event) return html`<dt>Event</dt><dd><a href=${`/events/${eventId}`}>See the event</a></dd>`;
  return html`
    <dt>Event</dt><dd><a href=${`/events/${eventId}`}>${event.name}</a></dd>
    <dt>When</dt><dd><time datetime=${event.startsAt}>${eventTime(event.startsAt, event.timeZone)}</time></dd>
    <dt>Where</dt><dd>${event.venue}, ${event.city}</dd>`;
}

/** What this person can do with it. */
function Choices({ ticket, again }) {
  const who = user.value;
  if (who?.id === ticket.userId) return html`<${SellersChoices} ticket=${ticket} />`;
  const own = store.liveOrderFor(ticket.id);
  const orderId = own?.id ?? (ticket.status === "reserved" ? ticket.orderId : undefined);
  if (who && orderId) {
    return html`<p class="note">It is reserved for you.</p>
      <a class="button" href=${`/checkout/${orderId}`}>Continue to checkout</a>`;
  }
  if (ticket.status === "sold") {
    const bought = store.ownOrders().find((one) => one.ticket.id === ticket.id && one.status === "complete");
    return bought
      ? html`<p class="note">You have bought it.</p><a class="button" href=${`/orders/${bought.id}`}>Go to the order</a>`
      : html`<p class="note">Somebody has bought it.</p><a class="button secondary" href="/">See what else is for sale</a>`;
  }
  if (ticket.status === "withdrawn") {
    return html`<p class="note">${WITHDRAWN[ticket.withdrawReason] ?? WITHDRAWN.seller}</p>
      <a class="button secondary" href="/">See what else is for sale</a>`;
  }
  return html`<${Buy} ticket=${ticket} again=${again} />`;
}

function SellersChoices({ ticket }) {
  if (ticket.status === "available") {
    return html`<p class="note">You offer this ticket.</p><a class="button secondary" href=${`/tickets/${ticket.id}/edit`}>Edit</a>`;
  }
  const why = { reserved: "Somebody is paying for it; it cannot be changed now.", sold: "You have sold it.", withdrawn: WITHDRAWN[ticket.withdrawReason] };
  return html`<p class="note">${why[ticket.status]}</p>
    ${ticket.status === "reserved" && html`<a class="button secondary" href=${`/tickets/${ticket.id}/edit`}>Edit</a>`}`;
}

function Buy({ ticket, again }) {
  const isPending = useSignal(false);
  const once = useRef(new Once()).current;
  const buy = async () => {
    if (!user.peek()) return navigate(signInHere());
    if (isPending.peek()) return undefined;
    isPending.value = true;
    alarm("");
    try {
      const body = { ticketId: ticket.id, price: ticket.price };
      const { data } = await once.send("POST", "/api/orders", body);
      store.putOrder(data);
      navigate(`/checkout/${data.id}`);
    } catch (error) {
      isPending.value = false;
      if (error.code === "not_signed_in") return navigate(signInHere());
      await again();
      alarm(refusal(error));
    }
    return undefined;
  };
  const isFree = ticket.status === "available";
  return html`
    <${Action} type="button" class="button big" isPending=${isPending.value} disabled=${!isFree || !canAct.value} onClick=${buy}>Buy<//>
    <p class="note">${isFree
      ? "You will have time to pay; until then it is yours alone."
      : "Somebody is paying for it. If they do not, it can be bought again."}</p>`;
}

/** @param {import("../api.js").Problem} problem */
function refusal({ code, message, more }) {
  if (code === "ticket_unavailable") {
    const at = more.availableAt && ` It may be free again at ${moment(more.availableAt)}.`;
    return `Somebody else was faster: the ticket is reserved.${at ?? ""}`;
  }
  if (code === "price_changed") return "The price has changed. Look at it again before you buy.";
  return message;
}
