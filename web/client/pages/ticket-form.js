// Offering a ticket, and changing what is offered.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api.js";
import { EventSearch } from "../components/event-search.js";
import { Choice, Field, Submit, refuse, useForm } from "../components/form.js";
import { PageSkeleton, SignInFirst, Trouble, useLoaded } from "../components/loaded.js";
import { AlertRegion, Heading } from "../components/parts.js";
import { eventIdOf, eventOf } from "../components/ticket-card.js";
import { html } from "../html.js";
import { CURRENCIES, currencyName, plainAmount, typed } from "../money.js";
import { alarm, announce } from "../notices.js";
import { navigate } from "../router.js";
import { user } from "../session.js";
import * as store from "../store.js";

const PLACES = ["section", "row", "seat"];

export default function TicketForm({ id, query }) {
  return id === undefined ? html`<${Sell} eventId=${query.get("event")} />` : html`<${Edit} id=${id} />`;
}

function Sell({ eventId }) {
  const event = useEvent(eventId);
  if (!user.value) return html`<${SignInFirst} title="Sell a ticket" why="Buyers need a seller." />`;
  const send = async (body, once) => {
    const { data } = await once.send("POST", "/api/tickets", body);
    store.putTicket(data);
    navigate(`/tickets/${data.id}`);
    announce("The ticket is for sale.");
  };
  return html`
    <section class="narrow">
      <${Heading}>Sell a ticket<//>
      <p class="lead">It is for sale as soon as you offer it, at a fixed price.</p>
      <${Fields} event=${event} button="Offer for sale" send=${send} />
    </section>`;
}

function Edit({ id }) {
  const path = `/api/tickets/${encodeURIComponent(id)}`;
  const ticket = useSignal(/** @type {import("../store.js").Ticket|null} */ (null));
  const loading = useLoaded(path, (data) => {
    store.putTicket(data);
    ticket.value ??= data; // What somebody is typing over stays as it is.
  });
  const event = useEvent(ticket.value && eventIdOf(ticket.value), ticket.value && eventOf(ticket.value));
  if (!user.value) return html`<${SignInFirst} title="Edit ticket" why="Only its seller can change it." />`;
  const known = ticket.value;
  if (known === null) return loading.error ? html`<${Trouble} ...${loading} />` : html`<${PageSkeleton} />`;
  if (known.userId !== user.value.id) {
    return html`<section class="narrow"><${Heading}>Edit ticket<//><p class="lead">Only its seller can change this ticket.</p>
      <a class="button secondary" href=${`/tickets/${id}`}>Back to the ticket</a></section>`;
  }
  const send = async (body, once) => {
    // A field that is emptied is cleared; one that was never there is left out.
    for (const name of [...PLACES, "delivery"]) if (!body[name] && known[name]) body[name] = null;
    if (!body.eventId && eventIdOf(known)) body.eventId = null;
    try {
      store.putTicket((await once.send("PUT", path, body, { headers: { "If-Match": `"${known.version}"` } })).data);
    } catch (error) {
      if (error.code !== "stale_version") throw error;
      ticket.value = { ...known, version: (await get(path)).version };
      return alarm(`${error.message} Save again to overwrite that, or reload the page to see it.`);
    }
    navigate(`/tickets/${id}`);
    announce("Your changes are saved.");
    return undefined;
  };
  return html`
    <section class="narrow">
      <${Heading}>Edit ticket<//>
      <p class="lead">Whoever is looking at it sees the change at once.</p>
      <${Fields} ticket=${known} event=${event} button="Save changes" send=${send} />
      <p class="aside"><a href=${`/tickets/${id}`}>Back to the ticket</a></p>
    </section>`;
}

/** The event *eventId*, when it is there; *card* is what is known of it. */
function useEvent(eventId, card) {
  const event = useSignal(/** @type {any} */ (card ?? null));
  useEffect(() => {
    if (card) event.value = card;
    else if (eventId) get(`/api/events/${encodeURIComponent(eventId)}`).then((data) => (event.value = data), () => {});
  }, [eventId]);
  return event;
}

function Fields({ ticket, event, button, send }) {
  const form = useForm(async (values, once) => {
    const price = plainAmount(values.price);
    const missing = {};
    if (!values.title.trim()) missing.title = "Enter a title";
    if (!price) missing.price = "Enter a price";
    if (values.eventId.trim() && !event.value) missing.eventId = "Choose an event from the list, or leave this empty";
    if (Object.keys(missing).length) refuse(missing);
    const body = { title: values.title, price, currency: values.currency };
    if (event.value) body.eventId = event.value.id;
    for (const name of [...PLACES, "delivery"]) if (values[name].trim()) body[name] = values[name];
    await send(body, once);
  });
  const currencies = CURRENCIES.map((currency) => [currency, currencyName(currency)]);
  return html`
    <form class="sheet" novalidate autocomplete="off" onSubmit=${form.submit}>
      <${AlertRegion} />
      <${Field} form=${form} name="title" label="Title" maxlength="200" defaultValue=${ticket?.title ?? ""} hint="What a buyer looks for: who plays, where, when." />
      <div class="pair">
        <${Field} form=${form} name="price" label="Price" inputmode="decimal" defaultValue=${ticket ? typed(ticket.price, ticket.currency) : ""} />
        <${Choice} form=${form} name="currency" label="Currency" options=${currencies} value=${ticket?.currency ?? "usd"} />
      </div>
      <${EventSearch} key=${event.value && !ticket ? "known" : "any"} form=${form} chosen=${event} />
      <div class="triple">
        <${Field} form=${form} name="section" label="Section" maxlength="100" defaultValue=${ticket?.section ?? ""} />
        <${Field} form=${form} name="row" label="Row" maxlength="100" defaultValue=${ticket?.row ?? ""} />
        <${Field} form=${form} name="seat" label="Seat" maxlength="100" defaultValue=${ticket?.seat ?? ""} />
      </div>
      <${Field} form=${form} name="delivery" label="How to get in" optional hint="A code or a link. It is encrypted, and shown to the buyer alone, once the ticket is paid.">
        ${(common) => html`<textarea rows="4" maxlength="2000" ...${common} defaultValue=${ticket?.delivery ?? ""}></textarea>`}
      <//>
      <${Submit} form=${form}>${button}<//>
    </form>`;
}
