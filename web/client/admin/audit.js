// What administrators did, and what was done to accounts, newest first; nobody can change it afterwards.
import { More } from "../components/more.js";
import { html } from "../html.js";
import { instant } from "./format.js";
import { Frame } from "./frame.js";
import { SERVICE_OF, addressOf } from "./links.js";
import { Table } from "./table.js";
import { useWatched } from "./watching.js";

const COLUMNS = [["#", "number"], ["When"], ["Who"], ["What"], ["To"], ["Why"], ["Before and after"]];

export default function AuditPage() {
  return html`<${Frame} title="Audit log" tab="audit"><${Audit} /><//>`;
}

function Audit() {
  const { lines, next, error, take } = useWatched("/api/admin/audit", 10);
  return html`
    <p class="soft">Each entry holds the hash of the one before. <code>ticketing fsck</code> finds an entry that was changed.</p>
    <${Table} label="Audit log" columns=${COLUMNS} lines=${lines} error=${error} nothing="Nobody has done anything yet" row=${(line) => html`<${Entry} key=${line.seq} line=${line} />`} />
    <${More} next=${next} take=${take} />`;
}

const Entry = ({ line }) => html`
  <tr data-audit=${line.seq}>
    <td class="number" title=${line.hash}>${line.seq}</td>
    <td class="when">${instant(line.at)}</td>
    <td><${Who} by=${line.by} /></td>
    <td>${line.action}</td>
    <td><${Subject} text=${line.subject} /></td>
    <td class="why">${line.reason}</td>
    <td><${Changed} before=${line.before} after=${line.after} /></td>
  </tr>`;

/** A user; or somebody at the command line, who has the database and needs no account. */
const Who = ({ by }) =>
  by === "command-line" ? html`<code>${by}</code>` : html`<a href=${addressOf("account", by)}><code>${by.slice(-12)}</code></a>`;

/** `kind:key` of an actor, or the id of a message. */
function Subject({ text }) {
  const [kind, key] = text.split(/:(.*)/s);
  if (!key || !(kind in SERVICE_OF)) return html`<span title=${text}>${kind} <code>${key?.slice(-12)}</code></span>`;
  return html`<a href=${addressOf(kind, key)}>${kind} <code>${key.slice(-12)}</code></a>`;
}

/** What differs. */
function Changed({ before, after }) {
  const names = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
  if (!names.length) return html`<span class="soft">nothing to be seen</span>`;
  return html`<ul>${names.map((name) => html`<li key=${name}>${name}: ${String(before[name] ?? "-")} → ${String(after[name] ?? "-")}</li>`)}</ul>`;
}
