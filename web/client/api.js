// The REST interface: one call, its problem document, and its retries.
//
// A request that changes something carries an Idempotency-Key, so that asking again after silence
// has one effect. Keys live in `Once`: the same content keeps its key until there is an answer.

const TIMEOUT_MS = 15_000; // The server gives up on an ask long before.
const TRIES = 3;
const PAUSE_MS = 400; // Before the first retry; doubled, with jitter, at most what the server asks.
const PAUSE_MAX_MS = 5_000;

/** @typedef {{message: string, field?: string}} Fault */
/** @typedef {{body?: unknown, key?: string, headers?: Record<string, string>, signal?: AbortSignal}} Options */

/** A refusal, or no answer at all (`status` 0). */
export class Problem extends Error {
  /** @param {number} status @param {any} said */
  constructor(status, said) {
    super(said.detail || said.title || "Something went wrong.");
    this.status = status;
    /** @type {string} */ this.code = said.code ?? "unknown";
    /** @type {Fault[]} */ this.errors = said.errors ?? [];
    /** @type {Record<string, any>} */ this.more = said;
  }

  /** Whether it is not known if anything happened: then the same key has to be used again. */
  get isUnclear() {
    return this.status === 0 || this.status >= 500;
  }
}

/** @type {() => void} What to do when the server says that nobody is signed in. */
let onSignedOut = () => {};
/** @param {() => void} act */
export const whenSignedOut = (act) => void (onSignedOut = act);

/**
 * Send a request; gives the JSON of the answer and its headers.
 * @param {string} method @param {string} path @param {Options} [options]
 * @returns {Promise<{data: any, headers: Headers, status: number}>}
 */
export async function call(method, path, options = {}) {
  const canRepeat = method === "GET" || options.key !== undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(method, path, options);
    } catch (error) {
      if (!(error instanceof Problem)) throw error; // Aborted by whoever asked.
      if (error.status === 401 && error.code === "not_signed_in") onSignedOut();
      // What the payment provider does not answer to now, it does not in a second.
      const isDown = (error.status === 503 && error.code !== "provider_unavailable") || error.status === 502;
      const isWorthIt = error.status === 0 || isDown;
      if (!canRepeat || !isWorthIt || attempt === TRIES || navigator.onLine === false) throw error;
      const asked = (error.more.retryAfter ?? 0) * 1000;
      const pause = Math.min(PAUSE_MAX_MS, Math.max(asked, PAUSE_MS * 2 ** attempt * Math.random()));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** @param {string} path @param {Options} [options] */
export const get = async (path, options) => (await call("GET", path, options)).data;

/** @param {string} method @param {string} path @param {Options} options */
async function once(method, path, { body, key, headers = {}, signal }) {
  const given = { Accept: "application/json", ...headers };
  if (body !== undefined) given["Content-Type"] = "application/json";
  if (key !== undefined) given["Idempotency-Key"] = key;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  const cancel = () => stop.abort();
  signal?.addEventListener("abort", cancel);
  try {
    const response = await fetch(path, {
      method,
      headers: given,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: stop.signal,
    });
    const text = await response.text();
    const data = text ? parsed(text) : null;
    if (!response.ok) {
      const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
      throw new Problem(response.status, { ...data, retryAfter });
    }
    return { data, headers: response.headers, status: response.status };
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    const detail = "The server cannot be reached. Check your connection and try again.";
    throw new Problem(0, { code: "unreachable", detail });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The address of the next page, out of `Link: <...>; rel="next"`. @param {Headers} headers */
export function nextPage(headers) {
  const match = /<([^>]+)>;\s*rel="next"/.exec(headers.get("Link") ?? "");
  return match ? match[1] : null;
}

/** @param {string} path @param {Record<string, string>} query */
export function withQuery(path, query) {
  const kept = Object.entries(query).filter(([, value]) => value !== "");
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}

/** The key of an intention: it stays while nobody knows what came of the same content. */
export class Once {
  #content = "";
  #key = "";

  /** @param {string} method @param {string} path @param {unknown} [body] @param {Options} [options] */
  async send(method, path, body, options = {}) {
    const content = JSON.stringify([method, path, body]);
    if (content !== this.#content) {
      this.#content = content;
      this.#key = newKey();
    }
    try {
      const answer = await call(method, path, { ...options, body, key: this.#key });
      this.#content = "";
      return answer;
    } catch (error) {
      if (error instanceof Problem && !error.isUnclear) this.#content = "";
      throw error;
    }
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for https only.
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
