// An event in a list: a leaf of a calendar, its name, its place.
import { categoryName } from "../categories.js";
import { html } from "../html.js";
import { eventTime, leaf } from "../times.js";

export const Leaf = ({ event }) => {
  const { month, day, weekday } = leaf(event.startsAt, event.timeZone);
  return html`<time class="leaf" datetime=${event.startsAt} aria-hidden="true"><span>${month}</span><b>${day}</b><span>${weekday}</span></time>`;
};

/** @param {{event: import("../store.js").EventCard}} props */
export const EventRow = ({ event }) => html`
  <li class="row event-row" data-event=${event.id}>
    <${Leaf} event=${event} />
    <div class="row-text">
      <h2><a href=${`/events/${event.id}`}>${event.name}</a></h2>
      <p class="ticket-line">${eventTime(event.startsAt, event.timeZone)}</p>
      <p class="ticket-line">${event.venue}, ${event.city}</p>
    </div>
    <span class="tag">${categoryName(event.category)}</span>
  </li>`;
