// Live updates: the client of `tickets.v1` (one WebSocket a tab, which only reads).
//
// Topics are followed with counted references; each remembers its cursor and goes on from there
// after any loss. What an update says goes into the store; whoever follows hears of it, too.
import { signal } from "@preact/signals";
import { guess, remeasure, sample } from "./clock.js";
import { load as loadSession } from "./session.js";
import { putAll } from "./store.js";

const RETRY_BASE_MS = 500; // The first try comes within this, the others within its doubles.
const RETRY_MAX_MS = 20_000;
const OPEN_MS = 10_000; // A socket that has not said welcome by then never will.
const GRACE_MS = 10_000; // Silence beyond the heartbeat: the line is broken.
const STABLE_MS = 5_000; // A connection that lived so long was a good one.
const LINGER_MS = 2_000; // Going to and fro between pages does not subscribe anew.
const BANNER_MS = 2_000;
const FREEZE_MS = 5_000;
const RESYNC_MAX_MS = 2_000; // Who cannot be told of a topic is connected all the same.
const BACK_MS = 2_500;
const RESYNC_MS = 50;
const PINGS = 5;
const PING_GAP_MS = 150;
const MEASURE_AGAIN_MS = 180_000;
const FEED = "tickets"; // Everything that happens on the market.
const TOPICS_A_MESSAGE = 32; // 8 KiB a message, with room for long cursors.

/**
 * @typedef {{items: any[], mode: "snapshot"|"delta"|"current"|"update", removed: string[]}} News
 * @typedef {{news?: (news: News) => void, reset?: () => void}} Follower
 * @typedef {{cursor?: string, followers: Set<Follower>, linger: number}} Topic
 */

/** @type {import("@preact/signals").Signal<"connected"|"connecting"|"offline">} */
export const state = signal("connecting");
/** What the banner says. @type {import("@preact/signals").Signal<""|"reconnecting"|"offline"|"back"|"never">} */
export const banner = signal("");
/** Whether buttons that change something may be pressed. */
export const canAct = signal(true);

/** @type {Map<string, Topic>} */
const topics = new Map();
/** @type {WebSocket|null} */
let socket = null;
let isWelcome = false; // The socket is open and has said who it is.
let wasConnected = false; // Ever, in this page.
let isMissing = false; // Not connected, and the banner's time is running.
let isStopped = false; // The server does not want us back.
/** Topics that the server has not answered for since the welcome. */
let unanswered = new Set();
let attempt = 0;
let number = 0;
let silenceMs = 30_000;
/** @type {{code: number, afterSeconds?: number}|null} */
let goodbye = null;
/** @type {Record<string, number>} */
const timers = {};

/** @param {string} name @param {number} ms @param {() => void} act */
function later(name, ms, act) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(act, ms);
}

/** @param {...string} names */
const forget = (...names) => names.forEach((name) => clearTimeout(timers[name]));

/** Follow *topic*; gives the function that lets go. @param {string} name @param {Follower} [follower] */
export function follow(name, follower = {}) {
  let topic = topics.get(name);
  if (topic === undefined) {
    topic = { followers: new Set(), linger: 0 };
    topics.set(name, topic);
    subscribe([name]);
  }
  clearTimeout(topic.linger);
  topic.followers.add(follower);
  const kept = topic;
  return () => {
    kept.followers.delete(follower);
    if (kept.followers.size) return;
    kept.linger = setTimeout(() => {
      if (topics.get(name) !== kept) return;
      topics.delete(name);
      say({ op: "unsub", topics: [name] });
    }, LINGER_MS);
  };
}

/** Ask again from the last cursor on: something should have been said by now. @param {string} name */
export function resync(name) {
  // Many countdowns may end at once.
  later(`again ${name}`, RESYNC_MS, () => topics.has(name) && subscribe([name]));
}

/** Another user, another socket: the cookie says who. */
export function restart() {
  topics.delete("me");
  isStopped = false;
  attempt = 0;
  drop();
  connect();
}

/** @param {string[]} names */
function subscribe(names) {
  for (let from = 0; from < names.length; from += TOPICS_A_MESSAGE) {
    const wanted = names.slice(from, from + TOPICS_A_MESSAGE);
    say({ op: "sub", topics: wanted.map((name) => ({ topic: name, since: topics.get(name)?.cursor })) });
  }
}

/** @param {object} message Lost if nobody listens: all is asked for anew after the welcome. */
function say(message) {
  if (isWelcome && socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ id: (number += 1), ...message }));
  }
}

function connect() {
  forget("retry");
  if (socket || isStopped || document.hidden || navigator.onLine === false) return;
  if (state.peek() !== "connecting") state.value = "connecting";
  const address = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
  const opened = new WebSocket(address, "tickets.v1");
  socket = opened;
  goodbye = null;
  opened.onmessage = (event) => opened === socket && hear(JSON.parse(event.data));
  opened.onclose = (event) => opened === socket && onClose(event.code);
  later("silence", OPEN_MS, () => lost());
}

/** Close the socket, and hear nothing of it any more. */
function drop() {
  const old = socket;
  socket = null;
  isWelcome = false;
  forget("silence", "ping", "stable", "measure", "resync");
  old?.close(1000);
}

/** The line is broken, whatever the browser thinks of it. */
function lost() {
  drop();
  onClose(1006);
}

/** @param {number} code */
function onClose(code) {
  drop();
  miss();
  const said = goodbye?.code ?? code;
  const isOver = said >= 4000 && said < 4100;
  if (said === 4001 || said === 4010 || said === 4202) {
    void loadSession().then(() => retry(goodbye?.afterSeconds ?? 0)); // Come back as whoever we are now.
  } else if (isOver) {
    isStopped = true;
  } else {
    retry(goodbye?.afterSeconds ?? 0);
  }
}

/** @param {number} afterSeconds */
function retry(afterSeconds) {
  const most = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** attempt);
  attempt += 1;
  later("retry", afterSeconds * 1000 + Math.random() * most, connect);
}

/** Not connected: say so after a while, and stop what would not be understood. */
function miss() {
  const isOffline = navigator.onLine === false;
  state.value = isOffline ? "offline" : "connecting";
  if (banner.peek() === "reconnecting" || banner.peek() === "offline") {
    banner.value = isOffline ? "offline" : "reconnecting";
  }
  if (isMissing) return; // Counting already.
  isMissing = true;
  later("banner", BANNER_MS, () => {
    if (wasConnected || navigator.onLine === false) {
      banner.value = navigator.onLine === false ? "offline" : "reconnecting";
    } else {
      later("banner", OPEN_MS, () => (banner.value = "never"));
    }
  });
  later("freeze", FREEZE_MS, () => {
    // Where sockets do not get through at all, buying still works: by REST.
    if (wasConnected || navigator.onLine === false) canAct.value = false;
    if (navigator.onLine === false || attempt > 1) state.value = "offline";
  });
}

/** What was missed has been told of *topic*; of all of them, and we are up to date. @param {string} topic */
function answered(topic) {
  unanswered.delete(topic);
  if (!unanswered.size && state.peek() !== "connected") onConnected();
}

function onConnected() {
  forget("resync");
  const wasShown = banner.peek() === "reconnecting" || banner.peek() === "offline";
  forget("banner", "freeze");
  isMissing = false;
  wasConnected = true;
  state.value = "connected";
  canAct.value = true;
  banner.value = wasShown ? "back" : "";
  if (wasShown) later("back", BACK_MS, () => banner.peek() === "back" && (banner.value = ""));
  later("stable", STABLE_MS, () => (attempt = 0));
}

/** @param {any} message */
function hear(message) {
  later("silence", silenceMs, lost);
  switch (message.op) {
    case "welcome":
      silenceMs = message.heartbeatSeconds * 1000 + GRACE_MS;
      isWelcome = true;
      guess(message.now);
      unanswered = new Set(topics.keys());
      subscribe([...unanswered]);
      later("resync", RESYNC_MAX_MS, onConnected);
      answered("");
      measure();
      break;
    case "subbed":
      onSubscribed(message);
      answered(message.topic);
      break;
    case "upd":
      onUpdate(message);
      break;
    case "pong":
      sample(message.t0, message.t1, message.t2, Date.now());
      break;
    case "gone":
    case "err":
      answered(message.topic);
      if (message.topic && message.retry) {
        later(`again ${message.topic}`, (message.afterSeconds ?? 1) * 1000, () => resync(message.topic));
      }
      break;
    case "bye":
      goodbye = message;
      break;
  }
}

/** @param {any} message */
function onSubscribed({ topic: name, cursor, mode, items = [], removed = [] }) {
  const topic = topics.get(name);
  if (topic === undefined) return;
  topic.cursor = cursor;
  putAll(items, name === FEED);
  for (const follower of topic.followers) {
    if (mode === "reset") follower.reset?.();
    else follower.news?.({ items, mode, removed });
  }
}

/** @param {any} message */
function onUpdate({ topic: name, prev, cursor, items = [], removed = [] }) {
  const topic = topics.get(name);
  if (topic === undefined) return;
  putAll(items, name === FEED); // Good to know, even behind a gap: versions say what is newer.
  if (prev === topic.cursor) topic.cursor = cursor;
  else resync(name);
  for (const follower of topic.followers) follower.news?.({ items, mode: "update", removed });
}

/** Learn the server's time from a few quick questions. */
function measure() {
  remeasure();
  let left = PINGS;
  const ask = () => {
    say({ op: "ping", t0: Date.now() });
    left -= 1;
    if (left) later("ping", PING_GAP_MS, ask);
  };
  ask();
  later("measure", MEASURE_AGAIN_MS, measure);
}

/** Begin, and follow the page's life: hidden, offline, put aside and taken up again. */
export function startLive() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (isWelcome) return measure();
    forget("banner", "freeze"); // Nobody has been waiting while nobody was looking.
    isMissing = false;
    banner.value = "";
    miss();
    if (!isStopped) later("retry", Math.random() * 100, connect);
    return undefined;
  });
  addEventListener("online", () => {
    attempt = 0;
    connect();
  });
  addEventListener("offline", () => {
    drop();
    miss();
  });
  addEventListener("pagehide", drop);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    void loadSession();
    connect();
  });
  miss(); // The time counts from the start; `restart` connects, as soon as it is known who is here.
}
