// A countdown to the end of a reservation, by the server's clock.
import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { secondsUntil, shown, time, watchTime } from "../clock.js";
import { html } from "../html.js";
import { announce } from "../notices.js";

const THRESHOLDS = [300, 60, 30, 10];
const WORDS = { 300: "5 minutes", 60: "1 minute", 30: "30 seconds", 10: "10 seconds" };
const PATIENCE_MS = 3_000; // What the server takes at most to say that it is over.

/**
 * @param {{until: string, isOwn?: boolean, label?: string, onOver?: () => void}} props
 *   isOwn: it is one's own time that runs out, so the thresholds are announced.
 *   onOver: every moment after the end, while the server should have said something.
 */
export function Countdown({ until, isOwn = false, label = "Time left", onOver }) {
  const left = useComputed(() => secondsUntil(until, time.value));
  const text = useComputed(() => (left.value > 0 ? shown(left.value) : "releasing..."));
  useEffect(watchTime, []);
  useEffect(() => (isOwn ? announcing(left) : undefined), [until, isOwn]);
  useEffect(() => {
    if (!onOver) return undefined;
    let timer = 0;
    const stop = left.subscribe((seconds) => {
      if (seconds === 0 && !timer) timer = setInterval(onOver, PATIENCE_MS);
    });
    return () => (stop(), clearInterval(timer));
  }, [until]);
  return html`<span class="countdown" role="timer" aria-label=${label} data-until=${until}>${text}</span>`;
}

/** @param {import("@preact/signals").ReadonlySignal<number>} left */
function announcing(left) {
  let before = left.peek();
  return left.subscribe((seconds) => {
    const passed = THRESHOLDS.filter((threshold) => before > threshold && seconds <= threshold).pop();
    if (seconds === 0 && before > 0) announce("Your time is over.");
    else if (passed !== undefined && seconds > 0) announce(`${WORDS[passed]} left to pay.`);
    before = seconds;
  });
}
