// Figures and times as operators read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** A number of things. @param {number} value */
export const count = (value) => whole.format(Math.round(value));

/** How long something has been so: "now", "8 s", "4 min", "2 h 5 min", "3 d". @param {number} seconds */
export function age(seconds) {
  if (seconds < 1) return "now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / DAY)} d`;
}

/** How much is left: "0:42", "14:03", "2 h 5 min". @param {number} seconds */
export function left(seconds) {
  const rest = Math.ceil(seconds);
  return rest < HOUR ? `${Math.floor(rest / MINUTE)}:${String(rest % MINUTE).padStart(2, "0")}` : age(rest);
}

/** What took so long, to two figures: "80 µs", "3.1 ms", "1.2 s". @param {number} seconds */
export function brief(seconds) {
  const [value, unit] = seconds < 0.001 ? [seconds * 1e6, "µs"] : seconds < 1 ? [seconds * 1000, "ms"] : [seconds, "s"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** An instant in the time of whoever looks: "23 Nov 14:03:22.123". @param {string} at */
export function instant(at) {
  const then = new Date(at);
  return `${day.format(then)} ${clock.format(then)}`;
}
