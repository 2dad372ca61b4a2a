// Times that go on by themselves, by the server's clock, between one look and the next.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { time, watchTime } from "../clock.js";
import { html } from "../html.js";
import { age, left } from "./format.js";

const SECOND = 1000;

/** How long it is that something has been so. @param {number} seconds */
const lasting = (seconds) => (seconds < 1 ? "0 s" : age(seconds));

/** Seconds since *begin*, in milliseconds since 1970; a clock that is a little ahead is no reason for less than none. */
const since = (begin) => Math.max(0, time.value - begin) / SECOND;

/** @param {number} begin @param {(seconds: number) => string} word */
function useTicking(begin, word) {
  const from = useSignal(begin);
  from.value = begin;
  useEffect(watchTime, []);
  return useComputed(() => word(since(from.value)));
}

/**
 * How long something has been so: *seconds* at the instant *at*, and more since.
 * @param {{seconds: number, at: string}} props
 */
export const Age = ({ seconds, at }) =>
  html`<span class="number">${useTicking(Date.parse(at) - seconds * SECOND, lasting)}</span>`;

/** How long ago it happened. @param {{at: string}} props */
export const Ago = ({ at }) =>
  html`<span class="number">${useTicking(Date.parse(at), (seconds) => (seconds < 1 ? "now" : `${age(seconds)} ago`))}</span>`;

/** How long until *at*, or how long ago it should have been. @param {{at: string}} props */
export function Due({ at }) {
  const end = useSignal(0);
  end.value = Date.parse(at);
  const isLate = useComputed(() => end.value <= time.value);
  const text = useComputed(() =>
    isLate.value ? `overdue for ${lasting(since(end.value))}` : `in ${left((end.value - time.value) / SECOND)}`,
  );
  useEffect(watchTime, []);
  return html`<span class=${isLate.value ? "number is-late" : "number"} role="timer" data-until=${at}>${text}</span>`;
}
