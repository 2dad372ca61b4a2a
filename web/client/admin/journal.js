// The facts that made an actor what it is, oldest first; each version leads to the state then.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, nextPage } from "../api.js";
import { More } from "../components/more.js";
import { html } from "../html.js";
import { alarm } from "../notices.js";
import { instant } from "./format.js";
import { Key, addressOf } from "./links.js";
import { StateTree, sized } from "./state-tree.js";

const PAGE = 50;
const JUMP_FROM = 10; // Fewer versions are all in sight.

/**
 * @typedef {{version: number, seq: number, at: string, by: string|null, cause: string, fact: string,
 *   data: any}} Line
 */

/** @param {Line} line */
const place = (line) => `${line.version}.${line.seq}`;

/** *known* with *more* behind it; what is in both is taken once. @param {Line[]} known @param {Line[]} more */
function joined(known, more) {
  const places = new Set(known.map(place));
  return [...known, ...more.filter((line) => !places.has(place(line)))];
}

/** The lines, version by version. @param {Line[]} lines */
function versions(lines) {
  /** @type {Map<number, Line[]>} */
  const found = new Map();
  for (const line of lines) {
    const facts = found.get(line.version);
    if (facts) facts.push(line);
    else found.set(line.version, [line]);
  }
  return [...found];
}

/**
 * *picked* is the version whose state is shown, or null for the state of now.
 * @param {{path: string, version: number, picked: number|null, onPick: (version: number|null) => void}} props
 */
export function Journal({ path, version, picked, onPick }) {
  const lines = useSignal(/** @type {Line[]} */ ([]));
  const next = useSignal(/** @type {string|null} */ (null));
  const last = useSignal(`${path}/journal?limit=${PAGE}`); // The page where what comes now will stand.
  useEffect(() => {
    const stop = new AbortController();
    call("GET", last.peek(), { signal: stop.signal }).then(
      ({ data, headers }) => {
        lines.value = joined(lines.peek(), data.lines);
        next.value = nextPage(headers);
      },
      (error) => stop.signal.aborted || alarm(error.message),
    );
    return () => stop.abort();
  }, [version]);
  const take = (data) => {
    last.value = /** @type {string} */ (next.peek());
    lines.value = joined(lines.peek(), data.lines);
  };
  if (!lines.value.length) return html`<p class="nothing">${version === 0 ? "It has recorded nothing." : "Being read..."}</p>`;
  return html`
    <ol class="journal">
      ${versions(lines.value).map(([number, facts]) => html`
        <${Version} key=${number} number=${number} facts=${facts} isPicked=${number === picked} onPick=${onPick} />`)}
    </ol>
    <${More} next=${next} take=${take} />
    ${version > JUMP_FROM && html`<${Jump} version=${version} onPick=${onPick} />`}`;
}

/** The way to a version that is pages away. */
function Jump({ version, onPick }) {
  const go = (event) => {
    event.preventDefault();
    const wanted = Number(event.currentTarget.elements.version.value);
    if (wanted >= 1 && wanted <= version) onPick(wanted);
  };
  return html`
    <form class="jump" onSubmit=${go}>
      <label for="jump">State at version</label>
      <input id="jump" name="version" type="number" min="1" max=${version} required />
      <button class="button small secondary" type="submit">Show</button>
    </form>`;
}

function Version({ number, facts, isPicked, onPick }) {
  const [first] = facts;
  return html`
    <li class=${isPicked ? "is-picked" : ""} data-version=${number}>
      <p class="journal-head">
        <button class="button small secondary" type="button" aria-pressed=${isPicked ? "true" : "false"}
          onClick=${() => onPick(isPicked ? null : number)}>State at version ${number}</button>
        <time class="soft number" datetime=${first.at}>${instant(first.at)}</time>
      </p>
      ${facts.map((line) => html`
        <div class="fact" key=${line.seq}>
          <p><strong>${line.fact}</strong></p>
          <p class="soft"><code>${line.cause}</code>${line.by && html` from <${By} by=${line.by} />`}</p>
          <${Data} data=${line.data} />
        </div>`)}
    </li>`;
}

/** Who had it done: another actor, "kind/key", or a user. @param {{by: string}} props */
function By({ by }) {
  const [kind, key] = by.split(/[/:](.*)/s);
  return key === undefined ? html`<${Key} name="user_id" value=${by} />` : html`<a href=${addressOf(kind, key)}>${by}</a>`;
}

const Data = ({ data }) =>
  typeof data !== "object" || data === null
    ? html`<p class="soft">${String(data)}</p>`
    : html`
      <dl class="data">
        ${Object.entries(data).filter(([, value]) => value !== null).map(([name, value]) => html`
          <div key=${name}><dt>${name}</dt><dd><${Value} name=${name} value=${value} /></dd></div>`)}
      </dl>`;

const Value = ({ name, value }) =>
  typeof value !== "object"
    ? html`<${Key} name=${name} value=${String(value)} />`
    : html`<details><summary>${sized(value)}</summary><${StateTree} state=${value} before=${null} label=${name} /></details>`;
