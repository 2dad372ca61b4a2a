// What the overview was in the last minutes: kept here, while the page is open.
import { signal } from "@preact/signals";

const KEPT = 300; // One a second: five minutes.

/**
 * What lies between two looks, a second apart or so.
 * @typedef {{at: number, turns: number|null, batch: number|null, commitSeconds: number|null,
 *   lagSeconds: number, lateSeconds: number|null, residents: number}} Moment
 */

/** @type {import("@preact/signals").Signal<Moment[]>} */
export const moments = signal([]);
/** The last look. @type {any} */
let last = null;

const per = (part, whole) => (whole > 0 ? part / whole : null);

/** Take in a look; counters that went back are another process's. @param {any} overview */
export function remember(overview) {
  const at = Date.parse(overview.now) / 1000;
  const before = last;
  last = overview;
  if (before === null || before.node !== overview.node || overview.turns < before.turns) {
    moments.value = [];
    return;
  }
  const seconds = at - Date.parse(before.now) / 1000;
  if (seconds <= 0) return;
  const batches = overview.batches - before.batches;
  /** @type {Moment} */
  const moment = {
    at,
    turns: (overview.turns - before.turns) / seconds,
    batch: per(overview.batchTurns - before.batchTurns, batches),
    commitSeconds: per(overview.batchSeconds - before.batchSeconds, batches),
    residents: Object.values(overview.residents).reduce((sum, each) => sum + each, 0),
    lagSeconds: overview.loopLagSeconds,
    lateSeconds: per(overview.timers.lateSeconds - before.timers.lateSeconds, overview.timers.handled - before.timers.handled),
  };
  moments.value = [...moments.peek().slice(1 - KEPT), moment];
}
