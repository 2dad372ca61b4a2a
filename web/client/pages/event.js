// One event, and what is for sale for it, live.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, nextPage } from "../api.js";
import { categoryName } from "../categories.js";
import { Leaf } from "../components/event-row.js";
import { PageSkeleton, Trouble, useLoaded } from "../components/loaded.js";
import { More } from "../components/more.js";
import { Empty, Glyph, Heading, Skeletons } from "../components/parts.js";
import { TicketList } from "../components/ticket-list.js";
import { html } from "../html.js";
import { follow } from "../live.js";
import { alarm } from "../notices.js";
import * as store from "../store.js";
import { eventTime } from "../times.js";

export default function EventPage({ id }) {
  const event = useSignal(/** @type {any} */ (null));
  const loading = useLoaded(`/api/events/${encodeURIComponent(id)}`, (data) => (event.value = data));
  const known = event.value;
  if (known === null) return loading.error ? html`<${Trouble} ...${loading} />` : html`<${PageSkeleton} />`;
  return html`
    <div class="event-head">
      <${Leaf} event=${known} />
      <div>
        <p class="kicker"><${Glyph} name=${known.category} />${categoryName(known.category)}</p>
        <${Heading}>${known.name}<//>
        <p class="lead"><time datetime=${known.startsAt}>${eventTime(known.startsAt, known.timeZone)}</time></p>
        <p class="lead">${known.venue}, ${known.city}</p>
      </div>
      <a class="button secondary" href=${`/sell?event=${known.id}`}>Sell a ticket for this event</a>
    </div>
    <${Offers} id=${id} />`;
}

/** The tickets of the event; new ones join at the end, where they move nothing. */
function Offers({ id }) {
  const ids = useSignal(/** @type {string[]|null} */ (null));
  const next = useSignal(/** @type {string|null} */ (null));
  const take = (data) => {
    data.forEach(store.putTicket);
    add(data);
  };
  const load = async () => {
    try {
      const { data, headers } = await call("GET", first);
      take(data);
      next.value = nextPage(headers);
    } catch (error) {
      ids.value ??= [];
      alarm(error.message);
    }
  };
  const add = (items) => {
    const known = ids.peek() ?? [];
    const added = items.filter((one) => one.status === "available" || one.status === "reserved").map((one) => one.id);
    ids.value = [...new Set([...known, ...added])];
  };
  const remove = (gone) => (ids.value = ids.peek().filter((each) => each !== gone));
  const first = `/api/tickets?event=${encodeURIComponent(id)}&status=available,reserved&sort=price&limit=50`;
  useEffect(() => {
    void load();
    return follow(`event:${id}`, {
      news: ({ items, removed }) => {
        add(items);
        removed.forEach(remove);
      },
      reset: () => void load(),
    });
  }, [id]);
  return html`
    <h2 class="section-title">Tickets for this event</h2>
    ${ids.value === null
      ? html`<${Skeletons} count=${3} class="skeleton-ticket" />`
      : ids.value.length
        ? html`<${TicketList} ids=${ids.value} onGone=${remove} withEvent=${false} />`
        : html`<${Empty} title="No tickets at the moment"><p>They appear here by themselves, as soon as somebody offers one.</p><//>`}
    <${More} next=${next} take=${take} />`;
}
