// Messages that failed too often, and what becomes of them.
import { Once } from "../api.js";
import { More } from "../components/more.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { announce } from "../notices.js";
import { Empty, Skeletons } from "../components/parts.js";
import { confirmAction } from "./actions.js";
import { instant } from "./format.js";
import { Frame } from "./frame.js";
import { SERVICE_OF, addressOf } from "./links.js";
import { useWatched } from "./watching.js";

const API = "/api/admin/parked";

const WORDS = {
  replay: {
    button: "Try again",
    title: "Have this message tried again?",
    text: "It is due now, as if it had never been tried. If it fails again, it comes back here.",
    said: "It is being tried again.",
  },
  discard: {
    button: "Discard",
    title: "Discard this message for good?",
    text: "Nobody will ever handle it. What it asked for does not happen.",
    said: "It is discarded.",
    isDangerous: true,
  },
};

export default function ParkedPage() {
  return html`<${Frame} title="Parked messages" tab="parked"><${Parked} /><//>`;
}

function Parked() {
  const { lines, next, error, take, again } = useWatched(API, 5);
  if (error && !lines) return html`<p class="error" role="alert">${error}</p>`;
  if (!lines) return html`<${Skeletons} count=${3} class="skeleton-row" />`;
  if (!lines.length) return html`
    <${Empty} title="No message is parked"><p>A durable message that keeps failing is set aside here, and waits for you.</p><//>`;
  return html`
    ${error && html`<p class="error" role="alert">${error}</p>`}
    <ul class="parked" aria-label="Parked messages">${lines.map((line) => html`<${Message} key=${line.id} line=${line} again=${again} />`)}</ul>
    <${More} next=${next} take=${take} />`;
}

function Message({ line, again }) {
  const act = (name) => {
    const once = new Once();
    const { said, ...words } = WORDS[name];
    const run = async (reason) => {
      await once.send("POST", `${API}/${line.id}/${name}`, { reason });
      announce(said);
      await again();
    };
    confirmAction({ ...words, run });
  };
  return html`
    <li class="panel parked-message" data-parked=${line.id}>
      <h2><code>${line.message}</code> to ${line.kind in SERVICE_OF ? html`<a href=${addressOf(line.kind, line.key)}>${line.kind} <code>${line.key}</code></a>` : html`${line.kind} <code>${line.key}</code>`}</h2>
      <p class="error-text"><code>${line.error}</code></p>
      <dl class="facts">
        <div><dt>Parked</dt><dd>${instant(line.parkedAt)}</dd></div>
        <div><dt>Due</dt><dd>${instant(line.dueAt)}</dd></div>
        <div><dt>Tries</dt><dd class="number">${line.attempts}</dd></div>
        <div><dt>On behalf of</dt><dd>${line.by ?? "nobody"}</dd></div>
      </dl>
      <details><summary>What it says</summary><pre>${JSON.stringify(line.body, null, 2)}</pre></details>
      <p class="actor-actions">
        ${Object.keys(WORDS).map((name) => html`
          <button key=${name} class="button small secondary" type="button" disabled=${!canAct.value} onClick=${() => act(name)}>${WORDS[name].button}</button>`)}
      </p>
    </li>`;
}
