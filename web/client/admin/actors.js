// The actors: those in memory and those that failed, and the way to any other by its id.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, nextPage, withQuery } from "../api.js";
import { now } from "../clock.js";
import { Empty } from "../components/parts.js";
import { html } from "../html.js";
import { alarm } from "../notices.js";
import { navigate, rewrite } from "../router.js";
import { ActorTable, SORTS } from "./actor-table.js";
import { Frame } from "./frame.js";
import { Filters } from "./filters.js";
import { SERVICE_OF, addressOf } from "./links.js";
import { styled } from "./styles.js";

await styled("actor.css");

const API = "/api/admin/actors";
const LIMIT = 50;
const REFRESH_MS = 2_000;
const USUAL = "restarts"; // What fails comes first.
const FILTERS = ["service", "kind", "status", "key", "sort"];

/** What the address asks for, without what means nothing. @param {URLSearchParams} query */
function wantedOf(query) {
  /** @type {Record<string, string>} */
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  if (!(wanted.sort in SORTS)) wanted.sort = USUAL;
  return wanted;
}

/** The query of an address: what is usual is not said. @param {Record<string, string>} wanted */
const written = (wanted) => ({ ...wanted, sort: wanted.sort === USUAL ? "" : wanted.sort });

/** Where a list begins. @param {Record<string, string>} wanted */
const first = (wanted) => withQuery(API, { ...wanted, limit: String(LIMIT) });

export default function ActorsPage({ query }) {
  return html`<${Frame} title="Actors" tab="actors"><${Actors} wanted=${wantedOf(query)} /><//>`;
}

function Actors({ wanted }) {
  const start = first(wanted);
  const { lines, at, next, error, pages, walk } = usePages(start);
  const change = (changed) =>
    rewrite(withQuery("/admin/actors", written({ ...wanted, ...changed })));
  const open = (key) => void find({ ...wanted, key });
  return html`
    <${Filters} wanted=${wanted} onChange=${change} onOpen=${open} />
    ${error.value && html`<p class="error" role="alert">${error.value.message}</p>`}
    ${lines.value?.length === 0 && html`<${Asleep} wanted=${wanted} />`}
    ${lines.value?.length > 0 && html`
      <${ActorTable} lines=${lines.value} at=${at.value} sort=${wanted.sort} onSort=${(sort) => change({ sort })} />`}
    <${Pager} pages=${pages} next=${next} walk=${walk} />`;
}

/**
 * The page that is looked at, again and again while somebody looks.
 * @param {string} start
 */
function usePages(start) {
  const lines = useSignal(/** @type {any[]|null} */ (null));
  const at = useSignal("");
  const next = useSignal(/** @type {string|null} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  const walked = useSignal([start]); // Where we are, and how we came there.
  const pages = walked.value[0] === start ? walked.value : [start]; // Another list begins anew.
  const page = /** @type {string} */ (pages.at(-1));
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const look = async () => {
      if (!document.hidden) await load();
      if (!stop.signal.aborted) timer = setTimeout(look, REFRESH_MS);
    };
    const load = async () => {
      try {
        const { data, headers } = await call("GET", page, { signal: stop.signal });
        lines.value = data;
        at.value = new Date(now()).toISOString();
        next.value = nextPage(headers);
        error.value = null;
      } catch (failure) {
        if (!stop.signal.aborted) error.value = failure;
      }
    };
    void look();
    return () => (stop.abort(), clearTimeout(timer));
  }, [page]);
  return { lines, at, next, error, pages, walk: (wanted) => void (walked.value = wanted) };
}

/** Go to the actor that is meant: the only one that begins so, or the one of that kind. */
async function find(wanted) {
  try {
    const { data } = await call("GET", first(wanted));
    if (data.length === 1) navigate(addressOf(data[0].kind, data[0].key));
    else if (!data.length && wanted.kind) navigate(addressOf(wanted.kind, wanted.key));
  } catch (error) {
    alarm(error.message);
  }
}

const Turn = ({ disabled, onClick, children }) => html`
  <button class="button small secondary" type="button" disabled=${disabled} onClick=${onClick}>${children}</button>`;

const Pager = ({ pages, next, walk }) =>
  (pages.length > 1 || next.value) && html`
    <p class="pager">
      <${Turn} disabled=${pages.length === 1} onClick=${() => walk(pages.slice(0, -1))}>Previous page<//>
      <span class="soft">Page ${pages.length}</span>
      <${Turn} disabled=${!next.value} onClick=${() => walk([...pages, next.value])}>Next page<//>
    </p>`;

/** What sleeps is in no list, but it can be looked at. */
function Asleep({ wanted }) {
  if (!wanted.key) {
    return html`
      <${Empty} title="No such actor in memory"><p>The list has those in memory, and those that failed. Find any other by its id.</p><//>`;
  }
  const kinds = wanted.kind ? [wanted.kind] : Object.keys(SERVICE_OF);
  return html`
    <${Empty} title="Nothing in memory begins so">
      <p>If it sleeps, it can be looked at all the same, by its whole id:</p>
      <ul class="kinds">
        ${kinds.map((kind) => html`<li key=${kind}><a class="button small secondary" href=${addressOf(kind, wanted.key)}>${kind}</a></li>`)}
      </ul>
    <//>`;
}
