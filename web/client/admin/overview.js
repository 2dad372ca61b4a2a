// The node as a whole: its services as a tree, and how it has been doing in the last minutes.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api.js";
import { PageSkeleton } from "../components/loaded.js";
import { html } from "../html.js";
import { follow } from "../live.js";
import { Chart } from "./charts.js";
import { brief, count, instant } from "./format.js";
import { Frame } from "./frame.js";
import { moments, remember } from "./history.js";
import { Owners } from "./owners.js";
import { Services } from "./services.js";
import { Due } from "./ticking.js";

const TOPIC = "admin:overview";

export default function OverviewPage() {
  return html`<${Frame} title="Overview" tab="overview"><${Overview} /><//>`;
}

function useOverview() {
  const seen = useSignal(/** @type {any} */ (null));
  const error = useSignal("");
  const take = (overview) => {
    remember(overview);
    seen.value = overview;
    error.value = "";
  };
  useEffect(() => {
    const stop = new AbortController();
    const load = () =>
      get("/api/admin/overview", { signal: stop.signal }).then(take, (failure) => {
        if (!stop.signal.aborted) error.value = failure.message;
      });
    void load();
    const news = ({ items }) => items.forEach((item) => item.kind === "overview" && take(item.overview));
    const letGo = follow(TOPIC, { news, reset: load });
    return () => (stop.abort(), letGo());
  }, []);
  return { seen: seen.value, error: error.value };
}

function Overview() {
  const { seen, error } = useOverview();
  if (!seen) return error ? html`<p class="error" role="alert">${error}</p>` : html`<${PageSkeleton} />`;
  return html`
    <div class="overview" data-node=${seen.node}>
      <${Health} seen=${seen} />
      <${Figures} seen=${seen} />
      <${Charts} />
      <${Ledger} ledger=${seen.ledger} />
      <section class="panel" aria-labelledby="services-title"><h2 id="services-title">Services</h2><${Services} seen=${seen} /></section>
      <section class="panel" aria-labelledby="owners-title"><h2 id="owners-title">Partitions</h2><${Owners} /></section>
    </div>`;
}

/** What is wrong, if anything is: the first thing to be read. */
function Health({ seen }) {
  const troubles = troublesOf(seen);
  if (!troubles.length) return html`<p class="verdict is-good" data-health="good"><span class="mark" aria-hidden="true">✓</span>All services work.</p>`;
  return html`
    <ul class="verdict is-bad" data-health="bad">
      ${troubles.map(([text, to]) => html`<li key=${text}><span class="mark" aria-hidden="true">▲</span>${to ? html`<a href=${to}>${text}</a>` : text}</li>`)}
    </ul>`;
}

/** @param {any} seen @returns {Array<[string, string?]>} */
function troublesOf(seen) {
  /** @type {Array<[string, string?]>} */
  const troubles = [];
  if (!seen.storeAvailable) troubles.push(["The database is out of reach: everything is refused until it is back"]);
  for (const each of seen.services) {
    if (each.isDegraded) troubles.push([`${each.service}: so much fails that the whole service refuses for now`, `/admin/actors?service=${each.service}&sort=restarts`]);
    if (each.quarantined) troubles.push([`${each.service}: ${things(each.quarantined, "actor is", "actors are")} left alone after failing again and again`, `/admin/actors?service=${each.service}&sort=restarts`]);
  }
  const parked = seen.services.reduce((sum, each) => sum + each.parked, 0);
  if (parked) troubles.push([`${things(parked, "message was", "messages were")} parked since the start`, "/admin/parked"]);
  if (seen.timers.overdue) troubles.push([`${things(seen.timers.overdue, "message is", "messages are")} overdue`, "/admin/timers"]);
  if (seen.ledger?.violations) troubles.push([`${things(seen.ledger.violations, "violation", "violations")} in the ledger: see below`, "#ledger-title"]);
  if (seen.payments.unknown) troubles.push([`${things(seen.payments.unknown, "sold ticket waits", "sold tickets wait")} to know whether the money was taken`, "/admin/actors?kind=payment"]);
  return troubles;
}

const things = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

function Figures({ seen }) {
  const actors = Object.values(seen.residents).reduce((sum, each) => sum + each, 0);
  const figures = [
    ["Actors in memory", count(actors), "/admin/actors"],
    ["Timers pending", seen.timers.pending === null ? "unknown" : count(seen.timers.pending), "/admin/timers"],
    ["Overdue", seen.timers.overdue === null ? "unknown" : count(seen.timers.overdue), "/admin/timers"],
    ["Next timer", seen.timers.nextAt ? html`<${Due} at=${seen.timers.nextAt} />` : "none soon"],
    ["Live sockets", count(seen.gateway.sockets)],
    ["Live topics", count(seen.gateway.topics)],
  ];
  return html`
    <dl class="figures">
      ${figures.map(([name, value, to]) => html`<div key=${name}><dt>${to ? html`<a href=${to}>${name}</a>` : name}</dt><dd class="number">${value}</dd></div>`)}
    </dl>`;
}

/** What the system found when it last went through itself. */
function Ledger({ ledger }) {
  return html`
    <section class="panel" aria-labelledby="ledger-title" data-ledger=${!ledger ? "unknown" : ledger.violations ? "bad" : ledger.failed ? "partial" : ledger.checkedAt ? "good" : "new"}>
      <h2 id="ledger-title">Ledger health</h2>
      <p>${verdict(ledger)}</p>
      ${ledger?.violations ? html`<ul>${ledger.examples.map((each) => html`<li key=${each}><${Violation} line=${each} /></li>`)}</ul>` : null}
      ${ledger?.failed ? html`<p>${things(ledger.failed, "part", "parts")} of it could not be looked at: the log says why (<code>ledger.slice_failed</code>).</p>` : null}
    </section>`;
}

function verdict(ledger) {
  if (!ledger) return "The database is out of reach.";
  if (ledger.violations) return html`<strong>${things(ledger.violations, "violation", "violations")}.</strong> Run <code>ticketing fsck</code> for what each of them says.`;
  if (!ledger.checkedAt) return "The first round is under way.";
  return html`${ledger.failed ? "No violation in what could be looked at" : "No violation"}: ${things(ledger.actors, "history", "histories")} and the rules, gone through in ${brief(ledger.seconds)}, until <time datetime=${ledger.checkedAt}>${instant(ledger.checkedAt)}</time>.`;
}

/** @param {{ line: string }} props "rule: kind key" */
function Violation({ line }) {
  const [, rule, kind, key] = /^(\S+): (ticket|order|payment) (\S+)$/.exec(line) ?? [];
  if (!rule) return line;
  return html`${rule}: <a href=${`/admin/actors/${kind}/${encodeURIComponent(key)}`}>${kind} ${key}</a>`;
}

const CHARTS = [
  ["Turns a second", "turns", count],
  ["Turns a commit", "batch", (value) => (value < 10 ? value.toFixed(1) : count(value))],
  ["Time of a commit", "commitSeconds", brief],
  ["Lateness of timers", "lateSeconds", brief],
  ["Loop lag", "lagSeconds", brief],
  ["Actors in memory", "residents", count],
];

function Charts() {
  const seen = moments.value;
  const times = seen.map((moment) => moment.at);
  return html`
    <div class="charts">
      ${CHARTS.map(([title, name, shown]) => html`
        <${Chart} key=${name} title=${title} times=${times} values=${seen.map((moment) => moment[name])} shown=${shown} />`)}
    </div>`;
}
