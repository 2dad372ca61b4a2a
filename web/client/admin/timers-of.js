// What an actor has asked to be told later.
import { html } from "../html.js";
import { instant } from "./format.js";
import { Due } from "./ticking.js";

/** @param {{timers: Array<{name: string|null, message: string, dueAt: string, attempts: number}>}} props */
export const TimersOf = ({ timers }) =>
  timers.length === 0
    ? html`<p class="nothing">No timers.</p>`
    : html`
      <ul class="timers">
        ${timers.map((timer) => html`
          <li key=${timer.name ?? timer.message + timer.dueAt} data-timer=${timer.name}>
            <span class="timer-name">${timer.name ?? "(message)"}</span>
            <code>${timer.message}</code>
            <span class="timer-due"><${Due} at=${timer.dueAt} /> <time class="soft" datetime=${timer.dueAt}>${instant(timer.dueAt)}</time></span>
            ${timer.attempts > 0 && html`<span class="is-late">${timer.attempts} failed</span>`}
          </li>`)}
      </ul>`;
