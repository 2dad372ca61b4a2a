// What is for sale: search, and a list that is live but keeps still.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, get, nextPage, withQuery } from "../api.js";
import { CATEGORIES } from "../categories.js";
import { Choice, Field, said, useForm } from "../components/form.js";
import { More } from "../components/more.js";
import { Empty, Heading, Skeletons } from "../components/parts.js";
import { eventOf } from "../components/ticket-card.js";
import { TicketList } from "../components/ticket-list.js";
import { html } from "../html.js";
import { follow } from "../live.js";
import { announce } from "../notices.js";
import { plainAmount } from "../money.js";
import { rewrite } from "../router.js";
import * as store from "../store.js";

const PAGE = "24";
const TYPING_MS = 300;
const FRESH_MAX = 200; // More news than anybody reads.
const CATCH_UP_MAX = 24; // Of what has left the first page; the rest is told as it changes.
const SORTS = [
  ["newest", "Newest first"], ["price", "Lowest price"], ["-price", "Highest price"], ["startsAt", "Soonest event"],
];
const FILTERS = ["q", "category", "city", "priceMin", "priceMax", "sort"];

/** What was shown last: who comes back finds it where it was. */
let kept = { search: "", ids: /** @type {string[]} */ ([]), next: /** @type {string|null} */ (null) };

/** @param {URLSearchParams} query */
const filtersOf = (query) => Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));

/** The query of the interface for what the form says. @param {Record<string, string>} filters */
function searchOf(filters) {
  const trimmed = Object.fromEntries(FILTERS.map((name) => [name, (filters[name] ?? "").trim()]));
  trimmed.priceMin = plainAmount(trimmed.priceMin);
  trimmed.priceMax = plainAmount(trimmed.priceMax);
  if (trimmed.sort === "newest") trimmed.sort = "";
  return withQuery("", trimmed);
}

/** Whether a new ticket would be in the list; the server has the last word. */
function matches(ticket, filters) {
  const event = eventOf(ticket);
  const text = [ticket.title, event?.name, event?.venue, event?.city].join(" ").toLowerCase();
  const is = (given, wanted) => !wanted || given?.toLowerCase() === wanted.toLowerCase();
  return (
    is(event?.category, filters.category) &&
    is(event?.city, filters.city.trim()) &&
    (!filters.priceMin || ticket.price >= Number(plainAmount(filters.priceMin))) &&
    (!filters.priceMax || ticket.price <= Number(plainAmount(filters.priceMax))) &&
    filters.q.toLowerCase().split(/\s+/).every((word) => text.includes(word))
  );
}

export default function Tickets({ query }) {
  const filters = useSignal(filtersOf(query)).value;
  const search = useSignal(searchOf(filters));
  const ids = useSignal(kept.search === search.value && kept.ids.length ? kept.ids : null);
  const next = useSignal(ids.value ? kept.next : null);
  const fresh = useSignal(/** @type {string[]} */ ([]));
  const trouble = useSignal("");

  const path = () => `/api/tickets?status=available,reserved&limit=${PAGE}${search.peek().replace("?", "&")}`;
  const load = async (signal) => {
    try {
      const { data, headers } = await call("GET", path(), { signal });
      data.forEach(store.putTicket);
      ids.value = data.map((ticket) => ticket.id);
      next.value = nextPage(headers);
      fresh.value = [];
      trouble.value = "";
    } catch (error) {
      if (signal?.aborted) return;
      trouble.value = said(error, form.labels);
    }
  };

  /** Learn what has been missed; what is shown stays where it is. */
  const catchUp = async () => {
    const shown = ids.peek();
    if (shown === null) return;
    try {
      const data = await get(path());
      data.forEach(store.putTicket);
      const now = new Set(data.map((ticket) => ticket.id));
      fresh.value = [...now].filter((id) => !shown.includes(id));
      const missing = shown.filter((id) => !now.has(id)).slice(0, CATCH_UP_MAX);
      await Promise.all(missing.map((id) => get(`/api/tickets/${id}`).then(store.putTicket)));
    } catch {
      // The next update, or the next look, will tell.
    }
  };

  const take = (data) => {
    data.forEach(store.putTicket);
    ids.value = [...new Set([...ids.value, ...data.map((ticket) => ticket.id)])];
    announce(`${ids.value.length} tickets are shown.`);
  };

  useEffect(() => {
    const stop = new AbortController();
    void load(stop.signal);
    return () => stop.abort();
  }, [search.value]);
  useEffect(() => void (kept = { search: search.value, ids: ids.value ?? [], next: next.value }));
  useEffect(
    () =>
      follow("tickets", {
        news: ({ items }) => {
          const known = new Set([...(ids.peek() ?? []), ...fresh.peek()]);
          const added = items
            .filter((one) => one.status === "available" && one.version === 1 && !known.has(one.id))
            .filter((one) => matches(one, filters));
          if (!added.length || !ids.peek()) return;
          added.forEach(store.putTicket);
          fresh.value = [...fresh.peek(), ...added.map((one) => one.id)].slice(-FRESH_MAX);
        },
        reset: () => void catchUp(),
      }),
    [],
  );

  const form = useForm(async () => {});
  const typing = useRef(0);
  const change = (event) => {
    clearTimeout(typing.current);
    const element = event.currentTarget;
    typing.current = setTimeout(() => {
      Object.assign(filters, Object.fromEntries(new FormData(element)));
      const wanted = searchOf(filters);
      if (wanted === search.value) return;
      rewrite(`/${wanted}`);
      search.value = wanted;
    }, event.type === "submit" ? 0 : TYPING_MS);
  };
  const available = fresh.value.filter((id) => store.ticket(id).value?.status === "available");

  return html`
    <${Heading}>Tickets<//>
    <form class="filters" role="search" onInput=${change} onSubmit=${(event) => (event.preventDefault(), change(event))}>
      <${Field} form=${form} class="wide" name="q" label="Search" type="search" maxlength="200" placeholder="Artist, team, venue" defaultValue=${filters.q} />
      <${Choice} form=${form} name="category" label="Category" options=${[["", "All"], ...CATEGORIES]} value=${filters.category} />
      <${Field} form=${form} name="city" label="City" defaultValue=${filters.city} />
      <${Field} form=${form} class="short" name="priceMin" label="Price from" inputmode="decimal" defaultValue=${filters.priceMin} />
      <${Field} form=${form} class="short" name="priceMax" label="Price to" inputmode="decimal" defaultValue=${filters.priceMax} />
      <${Choice} form=${form} name="sort" label="Sort by" options=${SORTS} value=${filters.sort} />
    </form>
    <p class="list-head note">${ids.value?.length ? counted(ids.value.length, next.value) : ""}</p>
    <div class="pill-place">
      ${available.length > 0 && html`
        <button class="pill" type="button" onClick=${() => load()}>${available.length} new ${available.length === 1 ? "ticket" : "tickets"}</button>`}
    </div>
    ${results({ ids: ids.value, trouble: trouble.value, search: search.value, onGone: (id) => {
      ids.value = ids.value.filter((other) => other !== id);
    }, retry: () => load() })}
    ${ids.value && html`<${More} next=${next} take=${take} />`}
  `;
}

/** @param {number} count @param {string|null} next */
const counted = (count, next) => `${count}${next ? "+" : ""} ${count === 1 ? "ticket" : "tickets"}, live`;

function results({ ids, trouble, search, onGone, retry }) {
  if (trouble) {
    return html`<${Empty} title="The list could not be loaded"><p>${trouble}</p>
      <button class="button secondary" type="button" onClick=${retry}>Try again</button><//>`;
  }
  if (ids === null) return html`<${Skeletons} count=${8} class="skeleton-ticket" />`;
  if (ids.length) return html`<${TicketList} ids=${ids} onGone=${onGone} />`;
  return search
    ? html`<${Empty} title="No tickets match"><p>Try fewer words, another city or a wider price range.</p>
        <a class="button secondary" href="/">Clear the search</a><//>`
    : html`<${Empty} title="Nothing is for sale yet"><p>Be the first: offer a ticket that you cannot use.</p>
        <a class="button" href="/sell">Offer one</a><//>`;
}
