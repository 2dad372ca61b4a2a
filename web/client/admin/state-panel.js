// What an actor is; or what it was after an earlier version, "state as it was then".
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get } from "../api.js";
import { html } from "../html.js";
import { instant } from "./format.js";
import { StateTree, changes } from "./state-tree.js";

/**
 * *picked* is the version to show, or null for now.
 * @param {{path: string, actor: any, picked: number|null, onPick: (version: number|null) => void}} props
 */
export function StatePanel({ path, actor, picked, onPick }) {
  const panel = useRef(null);
  const wasPicked = useRef(picked !== null);
  useEffect(() => {
    // The journal that it was picked from may be far below; and the way back to now is gone with it.
    if (picked !== null) panel.current.scrollIntoView({ block: "nearest" });
    else if (wasPicked.current && document.activeElement === document.body) panel.current.focus();
    wasPicked.current = picked !== null;
  }, [picked]);
  return html`
    <section ref=${panel} tabindex="-1" class=${picked === null ? "panel is-state" : "panel is-state is-then"}
      aria-labelledby="state-title" data-version=${picked ?? actor.version}>
      ${picked === null
        ? html`<${Now} actor=${actor} />`
        : html`<${Then} path=${path} version=${picked} newest=${actor.version} onPick=${onPick} />`}
    </section>`;
}

const Now = ({ actor }) => html`
  <h2 id="state-title">State <span class="soft">version ${actor.version}</span></h2>
  ${actor.state === null
    ? html`<p class="nothing">It has recorded nothing, or its row cannot be read.</p>`
    : html`
      <${Compared} state=${actor.state} before=${actor.before} />
      <${StateTree} state=${actor.state} before=${actor.before} label="State" />`}`;

/** How much the marks in the tree stand for. */
function Compared({ state, before }) {
  if (before === null) return null;
  const count = changes(state, before);
  return html`<p class="soft">${count} ${count === 1 ? "value" : "values"} changed by its last turn</p>`;
}

/** The version *version* and the one before it, as far as they are here. @param {string} path @param {number} version */
function useVersion(path, version) {
  const found = useSignal(/** @type {any} */ (null));
  const wrong = useSignal("");
  useEffect(() => {
    const stop = new AbortController();
    const at = (wanted) => get(`${path}/journal?at=${wanted}`, { signal: stop.signal });
    wrong.value = "";
    Promise.all([at(version), version > 1 ? at(version - 1) : null]).then(
      ([now, before]) => void (found.value = { ...now, before: before?.state ?? null }),
      (error) => {
        if (stop.signal.aborted) return;
        found.value = null;
        wrong.value = error.status === 404 ? "There is no such version." : error.message;
      },
    );
    return () => stop.abort();
  }, [version]);
  return { found: found.value, wrong: wrong.value };
}

function Then({ path, version, newest, onPick }) {
  const { found, wrong } = useVersion(path, version);
  const at = found?.lines[0]?.at;
  return html`
    <h2 id="state-title">State as it was then <span class="soft">version ${version} of ${newest}</span></h2>
    <p class="then">
      <button class="button small secondary" type="button" disabled=${version <= 1} aria-label="Version before"
        onClick=${() => onPick(version - 1)}>‹</button>
      <button class="button small secondary" type="button" disabled=${version >= newest} aria-label="Version after"
        onClick=${() => onPick(version + 1)}>›</button>
      <button class="button small" type="button" onClick=${() => onPick(null)}>Back to now</button>
      ${at && html`<time class="soft number" datetime=${at}>${instant(at)}</time>`}
    </p>
    ${wrong && html`<p class="error">${wrong}</p>`}
    ${found && html`
      <${Compared} state=${found.state} before=${found.before} />
      <${StateTree} state=${found.state} before=${found.before} label="State as it was then" />`}`;
}
