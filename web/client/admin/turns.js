// The last turns of an actor: how each ended, and where its time went.
import { html } from "../html.js";
import { Ago } from "./ticking.js";
import { brief } from "./format.js";

/**
 * @typedef {{at: string, cause: string, outcome: string, waitSeconds: number|null,
 *   runSeconds: number, commitSeconds: number|null}} Turn
 */

const WIDTH = 100; // Units of the bar's own: it is drawn as wide as its cell.
const HEIGHT = 8;
const LEAST = 0.75; // What took time at all is seen.

const PARTS = [
  ["wait", "waitSeconds"],
  ["run", "runSeconds"],
  ["commit", "commitSeconds"],
];

/** @param {Turn} turn */
const total = (turn) => (turn.waitSeconds ?? 0) + turn.runSeconds + (turn.commitSeconds ?? 0);

/** @param {{turn: Turn, longest: number}} props */
function Bar({ turn, longest }) {
  let from = 0;
  const parts = PARTS.map(([name, field]) => {
    const seconds = turn[field] ?? 0;
    const width = seconds === 0 ? 0 : Math.max(LEAST, (seconds / longest) * WIDTH);
    const x = from;
    from += width;
    return html`<rect class=${`part is-${name}`} x=${x} y="0" width=${width} height=${HEIGHT} />`;
  });
  // Said by the numbers beside it.
  return html`<svg class="bar" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">${parts}</svg>`;
}

const MARKS = { done: "✓", refused: "–" };

const Outcome = ({ outcome }) => html`
  <span class=${`outcome is-${outcome}`}><span class="mark" aria-hidden="true">${MARKS[outcome] ?? "▲"}</span>${outcome}</span>`;

const seconds = (value) => (value === null ? html`<span class="soft">-</span>` : brief(value));

/** @param {{turns: Turn[]}} props oldest first */
export function Turns({ turns }) {
  if (!turns.length) return html`<p class="nothing">None since somebody began to look.</p>`;
  const longest = Math.max(...turns.map(total)) * 1.02 || 1;
  return html`
    <p class="legend"><span class="key is-wait">wait</span> <span class="key is-run">run</span> <span class="key is-commit">commit</span></p>
    <div class="table-box is-turns" tabindex="0" role="group" aria-label="Last turns">
      <table class="turns">
        <thead><tr>
          <th scope="col">When</th><th scope="col">Message</th><th scope="col">Outcome</th>
          <th scope="col" class="bar-cell"><span class="out-of-sight">As a bar</span></th>
          <th scope="col" class="number">Wait</th><th scope="col" class="number">Run</th><th scope="col" class="number">Commit</th>
        </tr></thead>
        <tbody>
          ${[...turns].reverse().map((turn, index) => html`
            <tr key=${turns.length - index + turn.at}>
              <td><${Ago} at=${turn.at} /></td>
              <td><code>${turn.cause}</code></td>
              <td><${Outcome} outcome=${turn.outcome} /></td>
              <td class="bar-cell"><${Bar} turn=${turn} longest=${longest} /></td>
              <td class="number">${seconds(turn.waitSeconds)}</td>
              <td class="number">${seconds(turn.runSeconds)}</td>
              <td class="number">${seconds(turn.commitSeconds)}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}
