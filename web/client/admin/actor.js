// One actor: what it is, what it waits for, what it has done, and what can be done to it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api.js";
import { PageSkeleton } from "../components/loaded.js";
import { Empty } from "../components/parts.js";
import { html } from "../html.js";
import { follow } from "../live.js";
import { announce } from "../notices.js";
import { rewrite } from "../router.js";
import { ActorActions } from "./actor-actions.js";
import { Crash, Running } from "./crash.js";
import { Frame } from "./frame.js";
import { Journal } from "./journal.js";
import { addressOf, relatedTo } from "./links.js";
import { Mailbox } from "./mailbox.js";
import { StatePanel } from "./state-panel.js";
import { ActorStatus, MEANINGS } from "./status-mark.js";
import { styled } from "./styles.js";
import { Age } from "./ticking.js";
import { TimersOf } from "./timers-of.js";
import { Turns } from "./turns.js";

await styled("actor.css");

/** The actor of an address. @param {string} path */
function named(path) {
  const [kind, key] = path.split("/").slice(3);
  try {
    return { kind, key: decodeURIComponent(key) };
  } catch {
    return { kind, key };
  }
}

/** The version that the address asks for. @param {URLSearchParams} query */
function versionOf(query) {
  const version = Number(query.get("at"));
  return Number.isSafeInteger(version) && version > 0 ? version : null;
}

export default function ActorPage({ path, query }) {
  const { kind, key } = named(path);
  return html`<${Frame} title=${`${kind} ${key}`} tab="actors"><${One} key=${path} kind=${kind} name=${key} at=${versionOf(query)} /><//>`;
}

/** Follow an actor: as it is now, whenever that changes. @param {string} kind @param {string} key @param {string} path */
function useActor(kind, key, path) {
  const actor = useSignal(/** @type {any} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  const take = (seen) => {
    // Answers and updates may pass each other: what was looked at last is true.
    if (actor.peek() !== null && Date.parse(seen.at) < Date.parse(actor.peek().at)) return;
    actor.value = seen;
    error.value = null;
  };
  useEffect(() => {
    const stop = new AbortController();
    const load = () => get(path, { signal: stop.signal }).then(take, (failure) => {
      if (!stop.signal.aborted) error.value = failure;
    });
    void load();
    const letGo = follow(`admin:actor:${kind}:${key}`, {
      news: ({ items }) => items.forEach((item) => item.kind === "actor" && take(item.actor)),
      reset: load,
    });
    return () => (stop.abort(), letGo());
  }, []);
  return { actor: actor.value, error: error.value, take };
}

function One({ kind, name, at }) {
  const path = `/api${addressOf(kind, name)}`;
  const { actor, error, take } = useActor(kind, name, path);
  if (actor === null) return error === null ? html`<${PageSkeleton} />` : html`<${Nothing} error=${error} />`;
  const pick = (version) => {
    rewrite(addressOf(kind, name) + (version === null ? "" : `?at=${version}`));
    announce(version === null ? "State as it is now" : `State as it was at version ${version}`);
  };
  return html`
    <div class="actor" data-actor=${`${kind}/${name}`} data-status=${actor.status} data-version=${actor.version}>
      <${Facts} actor=${actor} />
      <${ActorActions} actor=${actor} path=${path} take=${take} />
      ${actor.running && html`<${Running} running=${actor.running} stack=${actor.stack} at=${actor.at} />`}
      ${actor.crash && html`<${Crash} crash=${actor.crash} />`}
      <div class="actor-columns">
        <${StatePanel} path=${path} actor=${actor} picked=${at} onPick=${pick} />
        <div class="actor-side">
          <${Panel} id="timers" title="Timers" count=${actor.timers.length}><${TimersOf} timers=${actor.timers} /><//>
          <${Panel} id="mailbox" title="Mailbox" count=${actor.messages.length}><${Mailbox} messages=${actor.messages} at=${actor.at} /><//>
          <${Panel} id="turns" title="Last turns" count=${actor.turns.length}><${Turns} turns=${actor.turns} /><//>
          <${Panel} id="journal" title="Journal"><${Journal} path=${path} version=${actor.version} picked=${at} onPick=${pick} /><//>
        </div>
      </div>
    </div>`;
}

const Panel = ({ id, title, count, children }) => html`
  <section class=${`panel is-${id}`} aria-labelledby=${`${id}-title`}>
    <h2 id=${`${id}-title`}>${title}${count > 0 && html` <span class="soft">${count}</span>`}</h2>${children}
  </section>`;

/** The line that the list has of it, and what its status means. */
function Facts({ actor }) {
  const others = relatedTo(actor.kind, actor.key);
  return html`
    <div class="actor-facts">
      <p class="actor-now"><${ActorStatus} status=${actor.status} /> <span class="soft">${MEANINGS[actor.status]}</span></p>
      <dl class="facts">
        <div><dt>Service</dt><dd>${actor.service}</dd></div>
        <div><dt>Node</dt><dd>${actor.node}</dd></div>
        <div><dt>Version</dt><dd class="number">${actor.version}</dd></div>
        <div><dt>Mailbox</dt><dd class="number">${actor.mailbox}</dd></div>
        <div><dt>Restarts</dt><dd class="number">${actor.restarts}</dd></div>
        ${actor.isResident && html`<div><dt>Idle</dt><dd>${actor.status === "running" ? "no" : html`<${Age} seconds=${actor.idleSeconds} at=${actor.at} />`}</dd></div>`}
        ${others.length > 0 && html`<div><dt>See also</dt><dd>${others.map(([text, to]) => html`<a key=${to} href=${to}>${text}</a> `)}</dd></div>`}
      </dl>
    </div>`;
}

const Nothing = ({ error }) =>
  error.status === 404
    ? html`<${Empty} title="There is no such actor"><p>It is not in memory, it has no row, and none of that name has failed.</p>
        <a class="button" href="/admin/actors">All actors</a><//>`
    : html`<${Empty} title=${error.message}><a class="button" href="/admin/actors">All actors</a><//>`;
