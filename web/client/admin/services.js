// The services as a tree: what is supervised together, and how it is doing.
import { html } from "../html.js";
import { count } from "./format.js";
import { SERVICE_OF } from "./links.js";

/** @param {{seen: any}} props */
export const Services = ({ seen }) => html`
  <ul class="services">
    ${seen.services.map((service) => html`<${Service} key=${service.service} service=${service} seen=${seen} />`)}
  </ul>`;

/** How a service is doing, in a word. */
function stateOf({ isDegraded, quarantined }) {
  if (isDegraded) return ["degraded", "▲"];
  return quarantined ? ["failing in parts", "▲"] : ["healthy", "✓"];
}

function Service({ service, seen }) {
  const [word, mark] = stateOf(service);
  const kinds = Object.keys(SERVICE_OF).filter((kind) => SERVICE_OF[kind] === service.service);
  const workers = seen.workers.filter((worker) => worker.service === service.service);
  return html`
    <li class="service" data-service=${service.service} data-state=${word}>
      <p class="service-head">
        <a class="service-name" href=${`/admin/actors?service=${service.service}`}>${service.service}</a>
        <span class=${`outcome is-${word === "healthy" ? "done" : "crashed"}`}><span class="mark" aria-hidden="true">${mark}</span>${word}</span>
        <span class="service-counts soft">
          ${count(service.restarts)} restarts · ${count(service.quarantined)} quarantined · ${count(service.parked)} parked · ${count(service.running)} at work</span>
      </p>
      ${service.lastError && html`<p class="error-text"><code>${service.lastError}</code></p>`}
      <ul class="members">
        ${kinds.map((kind) => html`
          <li key=${kind}><a href=${`/admin/actors?kind=${kind}`}>${kind}</a> <span class="number">${count(seen.residents[kind] ?? 0)}</span> <span class="soft">in memory</span></li>`)}
        ${workers.map((worker) => html`
          <li key=${worker.kind}>${worker.kind} <span class="number">${worker.running}/${worker.concurrency}</span>${" "}
            <span class="soft">at work${worker.waiting ? `, ${count(worker.waiting)} waiting` : ""}</span></li>`)}
      </ul>
    </li>`;
}
