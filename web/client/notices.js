// What is said to everybody, also to those who listen: one polite region, one alert.
import { signal } from "@preact/signals";

/** Said politely, out of sight. */
export const announced = signal("");
/** Said at once, and shown; the page decides where (`AlertRegion`). */
export const alarmed = signal("");
/** Whether the page has a place of its own for the alert. */
export const alertPlaces = signal(0);

/** @param {string} text */
export function announce(text) {
  // The same words again are another announcement: the region has to change.
  announced.value = announced.peek() === text ? `${text}\u00a0` : text;
}

/** @param {string} text Empty: there is nothing wrong any more. */
export const alarm = (text) => void (alarmed.value = text);
