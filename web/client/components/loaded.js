// Things that a page needs before it can be shown, and what is there until then.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api.js";
import { html } from "../html.js";
import { signInHere } from "../router.js";
import { user } from "../session.js";
import NotFound from "../pages/not-found.js";
import { Empty, Heading } from "./parts.js";

/** Where a page goes on working while it is asked again. @typedef {{error: any, again: () => Promise<void>}} Loading */

/**
 * Fetch *path* and hand it on; again when another user is here, since what they may see differs.
 * @param {string} path @param {(data: any) => void} take
 * @returns {Loading}
 */
export function useLoaded(path, take) {
  const error = useSignal(/** @type {any} */ (null));
  const load = async (signal) => {
    try {
      take(await get(path, { signal }));
      error.value = null;
    } catch (failure) {
      if (!signal?.aborted) error.value = failure;
    }
  };
  const who = user.value?.id;
  useEffect(() => {
    const stop = new AbortController();
    void load(stop.signal);
    return () => stop.abort();
  }, [path, who]);
  return { error: error.value, again: () => load() };
}

/** What stands for a page that could not be loaded. @param {Loading} loading */
export function Trouble({ error, again }) {
  if (error.status === 404) return html`<${NotFound} />`;
  return html`
    <section class="narrow">
      <${Heading}>This page could not be loaded<//>
      <${Empty} title=${error.message}><button class="button" type="button" onClick=${again}>Try again</button><//>
    </section>`;
}

/** In place of what is one's own, for who is not signed in. @param {{title: string, why: string}} props */
export const SignInFirst = ({ title, why }) => html`
  <section class="narrow">
    <${Heading}>${title}<//>
    <${Empty} title="Sign in first"><p>${why}</p><a class="button" href=${signInHere()}>Continue to sign-in</a><//>
  </section>`;

/** A page of one thing, until it is there. */
export const PageSkeleton = () => html`<div class="skeleton skeleton-page" aria-hidden="true"></div>`;
