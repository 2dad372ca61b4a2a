// Actors as lines of a table.
import { html } from "../html.js";
import { addressOf, ending, isId } from "./links.js";
import { ActorStatus } from "./status-mark.js";
import { Age } from "./ticking.js";

/** What a list can be in the order of, and which way that is. */
export const SORTS = { key: "ascending", mailbox: "descending", version: "descending", restarts: "descending", idle: "descending" };

/** @type {Array<[string, string]>} */
const COLUMNS = [
  ["kind", "Kind"],
  ["key", "Key"],
  ["service", "Service"],
  ["node", "Node"],
  ["status", "Status"],
  ["mailbox", "Mailbox"],
  ["version", "Turns"],
  ["restarts", "Restarts"],
  ["error", "Last error"],
  ["idle", "Idle"],
];

/** What a phone has no room for. */
const MINOR = new Set(["service", "node"]);

const ENDING = 12;

const NAMELESS = "(personal)"; // An account that was never opened has no key to be shown by.

const NUMBERS = new Set(["mailbox", "version", "restarts", "idle"]);

function Column({ name, label, sort, onSort }) {
  const kind = NUMBERS.has(name) ? "number" : MINOR.has(name) ? "is-minor" : "";
  if (!(name in SORTS)) return html`<th scope="col" class=${kind}>${label}</th>`;
  const way = name === sort ? SORTS[name] : null;
  return html`
    <th scope="col" class=${kind} aria-sort=${way}>
      <button class="sort" type="button" onClick=${() => onSort(name)}>${label}
        ${way && html`<span class="arrow" aria-hidden="true">${way === "ascending" ? " ▲" : " ▼"}</span>`}</button>
    </th>`;
}

const Count = ({ value }) => html`<td class=${value ? "number" : "number soft"}>${value}</td>`;

/** All of a key; where there is little room, its end tells ids apart that were made at about the same time. */
const Whole = ({ text }) =>
  isId(text) ? html`<span class="key-start">${text.slice(0, -ENDING)}</span>${text.slice(-ENDING)}` : text;

const Name = ({ kind, name }) =>
  name === NAMELESS ? name : html`<a href=${addressOf(kind, name)}><${Whole} text=${name} /></a>`;

const Line = ({ line, at }) => html`
  <tr data-actor=${`${line.kind}/${line.key}`} data-status=${line.status}>
    <td>${line.kind}</td>
    <th scope="row"><${Name} kind=${line.kind} name=${line.key} /></th>
    <td class="is-minor">${line.service}</td>
    <td class="is-minor" title=${line.node}>${ending(line.node)}</td>
    <td><${ActorStatus} status=${line.status} /></td>
    <${Count} value=${line.mailbox} />
    <td class="number">${line.version}</td>
    <${Count} value=${line.restarts} />
    <td>${line.lastError && html`<span class="clipped is-error" title=${line.lastError}>${line.lastError}</span>`}</td>
    <td class="number">${line.status === "running" ? "" : html`<${Age} seconds=${line.idleSeconds} at=${at} />`}</td>
  </tr>`;

/**
 * *at* is when *lines* were looked at.
 * @param {{lines: any[], at: string, sort: string, onSort: (sort: string) => void}} props
 */
export const ActorTable = ({ lines, at, sort, onSort }) => html`
  <div class="table-box" tabindex="0" role="group" aria-label="Actors">
    <table class="actors">
      <thead><tr>${COLUMNS.map(([name, label]) => html`<${Column} key=${name} name=${name} label=${label} sort=${sort} onSort=${onSort} />`)}</tr></thead>
      <tbody>${lines.map((line) => html`<${Line} key=${`${line.kind}/${line.key}`} line=${line} at=${at} />`)}</tbody>
    </table>
  </div>`;
