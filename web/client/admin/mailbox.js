// What waits for an actor: by type, the type whose oldest has waited longest first.
import { html } from "../html.js";
import { Age } from "./ticking.js";

/**
 * @typedef {{name: string, isDurable: boolean, by: string|null, waitsSeconds: number|null,
 *   dueAt: string|null}} Message
 */

// More of one type say no more.
const SHOWN_MAX = 20;

/** @param {Message[]} messages */
function byType(messages) {
  /** @type {Map<string, Message[]>} */
  const types = new Map();
  for (const message of messages) {
    const found = types.get(message.name);
    if (found) found.push(message);
    else types.set(message.name, [message]);
  }
  const groups = [...types].map(([name, all]) => ({
    name,
    all: all.sort((a, b) => (b.waitsSeconds ?? Infinity) - (a.waitsSeconds ?? Infinity)),
  }));
  return groups.sort((a, b) => (b.all[0].waitsSeconds ?? Infinity) - (a.all[0].waitsSeconds ?? Infinity));
}

const Wait = ({ message, at }) =>
  message.waitsSeconds === null
    ? html`<span class="soft" title="It came before anybody looked">not known</span>`
    : html`<${Age} seconds=${message.waitsSeconds} at=${at} />`;

/** @param {{messages: Message[], at: string}} props */
export function Mailbox({ messages, at }) {
  if (!messages.length) return html`<p class="nothing">Nothing waits.</p>`;
  return html`
    <div class="table-box" tabindex="0" role="group" aria-label="Messages by type">
      <table>
        <thead><tr><th scope="col">Type</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Oldest</th></tr></thead>
        <tbody>
          ${byType(messages).map(({ name, all }) => html`
            <tr key=${name}>
              <td><details><summary><code>${name}</code></summary><${Each} all=${all} at=${at} /></details></td>
              <td class="number">${all.length}</td>
              <td class="number"><${Wait} message=${all[0]} at=${at} /></td>
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}

const Each = ({ all, at }) => html`
  <ol class="messages">
    ${all.slice(0, SHOWN_MAX).map((message, index) => html`
      <li key=${index}><${Wait} message=${message} at=${at} />
        <span class="soft"> ${message.isDurable ? "durable" : "ask"}${message.by && `, by ${message.by}`}</span></li>`)}
    ${all.length > SHOWN_MAX && html`<li class="soft">and ${all.length - SHOWN_MAX} more</li>`}
  </ol>`;
