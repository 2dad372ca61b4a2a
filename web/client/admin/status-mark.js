// The state of an actor in a word, by a shape and by a colour.
import { html } from "../html.js";

const MARKS = { idle: "●", running: "▶", asleep: "○", suspended: "❚❚", held: "▲", quarantined: "✕" };

/** Statuses, the worst first. */
export const STATUSES = ["quarantined", "held", "suspended", "running", "idle", "asleep"];

/** What a status means, for who has not met it yet. */
export const MEANINGS = {
  idle: "In memory, with nothing to do.",
  running: "It is handling a message.",
  asleep: "Not in memory: what is shown is read from its row. Looking does not wake it.",
  suspended: "An administrator has stopped it: its messages wait.",
  held: "It has failed, and waits a while before it tries again.",
  quarantined: "It has failed too often: it stays out of work for a while, or until it is resumed.",
};

/** @param {{status: string}} props */
export const ActorStatus = ({ status }) => html`
  <span class=${`actor-status is-${status}`} title=${MEANINGS[status]}><span class="mark" aria-hidden="true">${MARKS[status] ?? "●"}</span>${status}</span>`;
