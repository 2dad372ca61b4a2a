// Lists that are looked at again and again, while the page is open and seen.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, nextPage } from "../api.js";

/**
 * The first page of *path*, asked for again every *seconds*, until more has been shown.
 * @param {string} path @param {number} seconds
 */
export function useWatched(path, seconds) {
  const lines = useSignal(/** @type {any[]|null} */ (null));
  const next = useSignal(/** @type {string|null} */ (null));
  const error = useSignal("");
  const hasMore = useSignal(false); // Then a fresh first page would have a gap behind it.
  const load = async (signal) => {
    try {
      const { data, headers } = await call("GET", path, { signal });
      lines.value = data;
      next.value = nextPage(headers);
      hasMore.value = false;
      error.value = "";
    } catch (failure) {
      if (!signal?.aborted) error.value = failure.message;
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    void load(stop.signal);
    const timer = setInterval(() => {
      if (!document.hidden && !hasMore.peek()) void load(stop.signal);
    }, seconds * 1000);
    return () => (stop.abort(), clearInterval(timer));
  }, [path]);
  const take = (items) => {
    hasMore.value = true;
    lines.value = [...lines.peek(), ...items];
  };
  return { lines: lines.value, next, error: error.value, take, again: () => load() };
}
