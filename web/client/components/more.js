// The next page of a list, for who asks for it.
import { useSignal } from "@preact/signals";
import { call, nextPage } from "../api.js";
import { html } from "../html.js";
import { alarm } from "../notices.js";
import { Action } from "./parts.js";

/**
 * *next* is where the next page is, or null after the last one; *take* is given what is on it.
 * @param {{next: import("@preact/signals").Signal<string|null>, take: (items: any[]) => void}} props
 */
export function More({ next, take }) {
  const isPending = useSignal(false);
  const fetchMore = async () => {
    const path = next.peek();
    isPending.value = true;
    try {
      const { data, headers } = await call("GET", path);
      if (next.peek() !== path) return; // Another list has been asked for meanwhile.
      take(data);
      next.value = nextPage(headers);
    } catch (error) {
      alarm(error.message);
    } finally {
      isPending.value = false;
    }
  };
  return next.value && html`
    <p class="more"><${Action} class="button secondary" type="button" isPending=${isPending.value} onClick=${fetchMore}>Show more<//></p>`;
}
