// The server's time, and one timer for all countdowns.
import { computed, signal } from "@preact/signals";

const SECOND = 1000;
const SMOOTH_MS = 250; // How late a countdown may show a new second.

let offset = 0; // Server minus browser, in milliseconds.
let roundTrip = Infinity; // Of the sample that `offset` is from.

/** The server's clock now, in milliseconds since 1970. */
export const now = () => Date.now() + offset;

/** Forget how good the last measurement was: the next ones count. */
export const remeasure = () => void (roundTrip = Infinity);

/**
 * Take one sample of the server's clock; the one with the least round trip is kept.
 * @param {number} t0 sent here @param {number} t1 received there @param {number} t2 sent there
 * @param {number} t3 received here
 */
export function sample(t0, t1, t2, t3) {
  const taken = t3 - t0 - (t2 - t1);
  if (taken < 0 || taken >= roundTrip) return;
  roundTrip = taken;
  offset = (t1 - t0 + (t2 - t3)) / 2;
}

/** A rough first idea, before there are samples. @param {number} serverNow */
export function guess(serverNow) {
  if (roundTrip === Infinity) offset = serverNow - Date.now();
}

const beat = signal(Date.now());
let watchers = 0;
let timer = 0;

/** The time that is shown: follows `now`, while somebody watches. */
export const time = computed(() => (beat.value, now()));

/** Keep `time` going; gives the function that lets go. */
export function watchTime() {
  watchers += 1;
  if (watchers === 1) timer = setInterval(() => (beat.value = Date.now()), SMOOTH_MS);
  beat.value = Date.now();
  return () => {
    watchers -= 1;
    if (watchers === 0) clearInterval(timer);
  };
}

/** Whole seconds until *instant*, never below zero. @param {string} instant @param {number} at */
export const secondsUntil = (instant, at) =>
  Math.max(0, Math.ceil((Date.parse(instant) - at) / SECOND));

/** `m:ss`. @param {number} seconds */
export const shown = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
