// Dates as people read them: an event's in the zone of its venue.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} zone @param {Intl.DateTimeFormatOptions} options */
function format(zone, options) {
  const name = zone + JSON.stringify(options);
  let found = formats.get(name);
  if (found === undefined) {
    try {
      found = new Intl.DateTimeFormat(undefined, { timeZone: zone || undefined, ...options });
    } catch {
      found = new Intl.DateTimeFormat(undefined, options); // A zone that this browser does not know.
    }
    formats.set(name, found);
  }
  return found;
}

/** "Sat, Mar 7, 2026, 8:00 PM GMT+1". @param {string} instant @param {string} zone */
export const eventTime = (instant, zone) =>
  format(zone, {
    weekday: "short", year: "numeric", month: "short", day: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "short",
  }).format(new Date(instant));

/** "Sat, Mar 7". @param {string} instant @param {string} zone */
export const eventDay = (instant, zone) =>
  format(zone, { weekday: "short", month: "short", day: "numeric" }).format(new Date(instant));

/** The parts that a calendar leaf shows. @param {string} instant @param {string} zone */
export function leaf(instant, zone) {
  const date = new Date(instant);
  return {
    month: format(zone, { month: "short" }).format(date),
    day: format(zone, { day: "numeric" }).format(date),
    weekday: format(zone, { weekday: "short" }).format(date),
  };
}

/** When something of one's own happened, here: "Mar 7, 2026, 8:00 PM". @param {string} instant */
export const moment = (instant) =>
  format("", { dateStyle: "medium", timeStyle: "short" }).format(new Date(instant));

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** All zones there are, with the browser's own among them. */
export function zones() {
  const known = Intl.supportedValuesOf?.("timeZone") ?? [];
  return [...new Set(["UTC", ownZone(), ...known])].sort();
}

/**
 * The instant of a clock on the wall: "2026-03-07T20:00" in *zone*, as ISO 8601 in UTC.
 * @param {string} local @param {string} zone
 */
export function instantOf(local, zone) {
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return "";
  // Twice: the first guess may lie on the other side of a change of the clocks.
  let guess = wall - offsetAt(wall, zone);
  guess = wall - offsetAt(guess, zone);
  return new Date(guess).toISOString();
}

/** Milliseconds that *zone* is ahead of UTC. @param {number} at @param {string} zone */
function offsetAt(at, zone) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(new Date(at));
  const value = (type) => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(
    value("year"), value("month") - 1, value("day"), value("hour"), value("minute"), value("second"),
  );
  return wall - Math.floor(at / 1000) * 1000;
}
