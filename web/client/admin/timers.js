// What is due, soonest first: timers, and messages that wait for their next try.
import { More } from "../components/more.js";
import { html } from "../html.js";
import { rewrite } from "../router.js";
import { withQuery } from "../api.js";
import { Frame } from "./frame.js";
import { SERVICE_OF, addressOf } from "./links.js";
import { Table } from "./table.js";
import { Due } from "./ticking.js";
import { useWatched } from "./watching.js";

const COLUMNS = [["Due"], ["Message"], ["Actor"], ["Name"], ["Tries", "number"]];

export default function TimersPage({ query }) {
  return html`<${Frame} title="Timers" tab="timers"><${Timers} kind=${query.get("kind") ?? ""} /><//>`;
}

function Timers({ kind }) {
  const { lines, next, error, take } = useWatched(withQuery("/api/admin/timers", { kind }), 5);
  const choose = (event) => rewrite(withQuery("/admin/timers", { kind: event.currentTarget.value }));
  return html`
    <p class="choice"><label for="kind">Kind</label>
      <select id="kind" onChange=${choose}>
        <option value="">All</option>
        ${Object.keys(SERVICE_OF).map((name) => html`<option key=${name} value=${name} selected=${name === kind}>${name}</option>`)}
      </select></p>
    <${Table} label="Timers" columns=${COLUMNS} lines=${lines} error=${error} nothing="Nothing is due" row=${(line) => html`<${Line} key=${line.id} line=${line} />`} />
    <${More} next=${next} take=${take} />`;
}

const Line = ({ line }) => html`
  <tr>
    <td><${Due} at=${line.dueAt} /></td>
    <td><code>${line.message}</code></td>
    <td>${line.kind in SERVICE_OF ? html`<a href=${addressOf(line.kind, line.key)}>${line.kind} <code>${line.key}</code></a>` : html`${line.kind} <code>${line.key}</code>`}</td>
    <td>${line.name ?? html`<span class="soft">-</span>`}</td>
    <td class="number">${line.attempts}</td>
  </tr>`;
