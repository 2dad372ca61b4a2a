// What is on.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, nextPage, withQuery } from "../api.js";
import { CATEGORIES } from "../categories.js";
import { EventRow } from "../components/event-row.js";
import { Choice, Field, said, useForm } from "../components/form.js";
import { More } from "../components/more.js";
import { Empty, Heading, Skeletons } from "../components/parts.js";
import { html } from "../html.js";
import { announce } from "../notices.js";
import { rewrite } from "../router.js";
import { user } from "../session.js";

const PAGE = "24";
const TYPING_MS = 300;
const FILTERS = ["q", "category", "city"];

let kept = { search: "", events: /** @type {any[]} */ ([]), next: /** @type {string|null} */ (null) };

/** @param {(name: string) => string|null} read */
const searchOf = (read) =>
  withQuery("", Object.fromEntries(FILTERS.map((name) => [name, (read(name) ?? "").trim()])));

export default function Events({ query }) {
  const search = useSignal(searchOf((name) => query.get(name)));
  const isKept = kept.search === search.value && kept.events.length > 0;
  const events = useSignal(isKept ? kept.events : null);
  const next = useSignal(isKept ? kept.next : null);
  const trouble = useSignal("");
  const typing = useRef(0);

  const load = async (signal) => {
    try {
      const { data, headers } = await call("GET", `/api/events?limit=${PAGE}${search.value.replace("?", "&")}`, { signal });
      events.value = data;
      next.value = nextPage(headers);
      trouble.value = "";
    } catch (error) {
      if (!signal?.aborted) trouble.value = said(error, form.labels);
    }
  };
  const take = (data) => {
    events.value = [...events.value, ...data];
    announce(`${events.value.length} events are shown.`);
  };
  useEffect(() => {
    const stop = new AbortController();
    void load(stop.signal);
    return () => stop.abort();
  }, [search.value]);
  useEffect(() => void (kept = { search: search.value, events: events.value ?? [], next: next.value }));

  const form = useForm(async () => {});
  const change = (event) => {
    clearTimeout(typing.current);
    const said = event.currentTarget;
    typing.current = setTimeout(() => {
      const data = new FormData(said);
      const wanted = searchOf((name) => String(data.get(name) ?? ""));
      if (wanted !== search.value) rewrite(`/events${wanted}`);
      search.value = wanted;
    }, event.type === "submit" ? 0 : TYPING_MS);
  };
  return html`
    <div class="title-row">
      <${Heading}>Events<//>
      ${user.value && html`<a class="button secondary" href="/events/new">Add an event</a>`}
    </div>
    <form class="filters few" role="search" onInput=${change} onSubmit=${(event) => (event.preventDefault(), change(event))}>
      <${Field} form=${form} class="wide" name="q" label="Search" type="search" maxlength="200" placeholder="Artist, team, venue" defaultValue=${query.get("q") ?? ""} />
      <${Choice} form=${form} name="category" label="Category" options=${[["", "All"], ...CATEGORIES]} value=${query.get("category") ?? ""} />
      <${Field} form=${form} name="city" label="City" defaultValue=${query.get("city") ?? ""} />
    </form>
    <${Results} events=${events.value} trouble=${trouble.value} isSearch=${search.value !== ""} retry=${() => load()} />
    <${More} next=${next} take=${take} />`;
}

function Results({ events, trouble, isSearch, retry }) {
  if (trouble) {
    return html`<${Empty} title="The events could not be loaded"><p>${trouble}</p>
      <button class="button secondary" type="button" onClick=${retry}>Try again</button><//>`;
  }
  if (events === null) return html`<${Skeletons} count=${6} class="skeleton-row" />`;
  if (events.length) return html`<ul class="rows" aria-label="Events">${events.map((event) => html`<${EventRow} key=${event.id} event=${event} />`)}</ul>`;
  if (isSearch) {
    return html`<${Empty} glyph="place" title="No events match"><p>Try fewer words, or another city.</p>
      <a class="button secondary" href="/events">Clear the search</a><//>`;
  }
  return html`<${Empty} glyph="place" title="No events yet"><p>Know of one? Tickets are found more easily by their event.</p>
    <a class="button" href=${user.value ? "/events/new" : "/signin?next=%2Fevents%2Fnew"}>${user.value ? "Add the first event" : "Continue to sign-in"}</a><//>`;
}
