// How an actor failed last, and where its turn waits now.
import { html } from "../html.js";
import { instant } from "./format.js";
import { Age, Ago } from "./ticking.js";

/**
 * @param {{crash: {at: string, cause: string, error: string, traceback: string, restarts: number}}} props
 */
export const Crash = ({ crash }) => html`
  <section class="panel is-crash" aria-labelledby="crash-title">
    <h2 id="crash-title">Last failure</h2>
    <p class="crash-error"><code>${crash.error}</code></p>
    <p class="soft">While handling <code>${crash.cause}</code>, <${Ago} at=${crash.at} />${" "}
      (<time datetime=${crash.at}>${instant(crash.at)}</time>), restarted ${crash.restarts} ${crash.restarts === 1 ? "time" : "times"}</p>
    <details open><summary>Traceback</summary>
      <pre class="traceback" tabindex="0" role="group" aria-label="Traceback">${crash.traceback}</pre></details>
  </section>`;

/**
 * *stack* is outermost first, "file:line function".
 * @param {{running: {cause: string, seconds: number}, stack: string[], at: string}} props
 */
export const Running = ({ running, stack, at }) => html`
  <section class="panel is-running" aria-labelledby="running-title">
    <h2 id="running-title">Running turn</h2>
    <p><code>${running.cause}</code> for <${Age} seconds=${running.seconds} at=${at} /></p>
    ${stack.length > 0 && html`
      <p class="soft">Where it waits, outermost first</p>
      <div class="stack" tabindex="0" role="group" aria-label="Where it waits">
        <ol>${stack.map((line, index) => html`<li key=${index}><code>${line}</code></li>`)}</ol>
      </div>`}
  </section>`;
