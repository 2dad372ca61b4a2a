// Which node owns how much of which service, and until when that is certain.
import { html } from "../html.js";
import { Table } from "./table.js";
import { Due } from "./ticking.js";
import { useWatched } from "./watching.js";

const COLUMNS = [["Service"], ["Node"], ["Partitions", "number"], ["Epochs", "number"], ["Lease ends"]];

export function Owners() {
  const { lines, error } = useWatched("/api/admin/partitions", 2);
  return html`
    <${Table} label="Partitions" columns=${COLUMNS} lines=${lines} error=${error} nothing="Nobody owns anything yet"
      row=${(line) => html`
        <tr key=${line.service + line.node}>
          <td>${line.service}</td>
          <td>${line.node ? html`<code>${line.node}</code>` : html`<span class="is-error">nobody</span>`}</td>
          <td class="number">${line.slots}</td>
          <td class="number">${line.epochFrom === line.epochTo ? line.epochTo : `${line.epochFrom}-${line.epochTo}`}</td>
          <td>${line.leaseUntil ? html`<${Due} at=${line.leaseUntil} />` : "-"}</td>
        </tr>`} />`;
}
