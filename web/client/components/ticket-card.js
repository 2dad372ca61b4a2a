// A ticket in a list. It looks like one: a body, and a stub with the price.
import { html } from "../html.js";
import { eventDay } from "../times.js";
import * as store from "../store.js";
import { Countdown } from "./countdown.js";
import { Glyph, Price, Status } from "./parts.js";

/** Where one sits: "Section B · Row 5 · Seat 12". @param {import("../store.js").Ticket} ticket */
export const place = ({ section, row, seat }) =>
  [section && `Section ${section}`, row && `Row ${row}`, seat && `Seat ${seat}`].filter(Boolean).join(" · ");

/** The ticket's event, if more is known of it than its id. @param {import("../store.js").Ticket} ticket */
export const eventOf = (ticket) => (typeof ticket.event === "object" ? ticket.event : undefined);

/** @param {import("../store.js").Ticket} ticket */
export const eventIdOf = (ticket) => (typeof ticket.event === "string" ? ticket.event : ticket.event?.id);

/** What the browser tests and the styles know a ticket by. @param {import("../store.js").Ticket} ticket */
export const marks = (ticket) => ({
  "data-ticket": ticket.id, "data-status": ticket.status, "data-version": ticket.version,
});

/** @param {{id: string, level?: string, withEvent?: boolean, isLeaving?: boolean, children?: any}} props */
export function TicketCard({ id, withEvent = true, isLeaving = false, children }) {
  const ticket = store.ticket(id).value;
  if (ticket === undefined) return null;
  const event = eventOf(ticket);
  const seat = place(ticket);
  const ask = () => import("../live.js").then((live) => live.resync("tickets"));
  return html`
    <li class=${`ticket is-${ticket.status}${isLeaving ? " is-leaving" : ""}`} ...${marks(ticket)}>
      <div class="ticket-body">
        <${Glyph} name=${event?.category ?? "ticket"} />
        <div class="ticket-text">
          <h2><a href=${`/tickets/${ticket.id}`}>${ticket.title}</a></h2>
          ${withEvent && event && html`
            ${!ticket.title.includes(event.name) && html`<p class="ticket-line">${event.name}</p>`}
            <p class="ticket-line">${eventDay(event.startsAt, event.timeZone)} · ${event.venue}, ${event.city}</p>`}
          ${seat && html`<p class="ticket-line">${seat}</p>`}
          ${children}
        </div>
      </div>
      <div class="ticket-stub">
        <${Price} amount=${ticket.price} currency=${ticket.currency} />
        <span class="ticket-state">
          <${Status} status=${ticket.status} />
          ${ticket.status === "reserved" && ticket.reservedUntil && html`
            <${Countdown} until=${ticket.reservedUntil} label="Reserved for" onOver=${ask} />`}
        </span>
      </div>
    </li>`;
}
