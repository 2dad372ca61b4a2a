// A field in which an event is looked up by its name: a combobox with a list of what was found.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { get, withQuery } from "../api.js";
import { html } from "../html.js";
import { eventDay } from "../times.js";
import { Field } from "./form.js";

const TYPING_MS = 250;

/**
 * @param {{form: import("./form.js").Form, chosen: import("@preact/signals").Signal<any>}} props
 *   chosen: the event, or null; what is typed without choosing is nothing.
 */
export function EventSearch({ form, chosen }) {
  const found = useSignal(/** @type {any[]} */ ([]));
  const isOpen = useSignal(false);
  const active = useSignal(-1);
  const typing = useRef(0);
  const latest = useRef("");

  const search = async (words) => {
    latest.current = words;
    try {
      const events = await get(withQuery("/api/events", { q: words, limit: "6" }));
      if (latest.current !== words) return;
      found.value = events;
    } catch {
      found.value = []; // A ticket can be sold without naming its event.
    }
    active.value = -1;
    isOpen.value = true;
  };
  const onType = ({ currentTarget }) => {
    chosen.value = null;
    clearTimeout(typing.current);
    const words = currentTarget.value.trim();
    if (words) typing.current = setTimeout(() => search(words), TYPING_MS);
    else isOpen.value = false;
  };
  const choose = (event) => {
    chosen.value = event;
    isOpen.value = false;
    const input = document.getElementById("field-eventId");
    input.value = event.name;
    input.focus();
  };
  const onKeyDown = (event) => {
    const count = found.value.length;
    if (event.key === "Escape") isOpen.value = false;
    else if (!isOpen.value || !count) return;
    else if (event.key === "ArrowDown") active.value = (active.value + 1) % count;
    else if (event.key === "ArrowUp") active.value = (active.value - 1 + count) % count;
    else if (event.key === "Enter" && active.value >= 0) choose(found.value[active.value]);
    else return;
    event.preventDefault();
  };
  const hint = chosen.value
    ? `${eventDay(chosen.value.startsAt, chosen.value.timeZone)}, ${chosen.value.venue}, ${chosen.value.city}`
    : "Type its name and choose it; leave it empty if it is not there.";
  return html`
    <${Field} form=${form} name="eventId" label="Event" optional hint=${hint}
      onType=${onType} onKeyDown=${onKeyDown} onBlur=${() => (isOpen.value = false)}
      role="combobox" autocomplete="off" aria-autocomplete="list" aria-controls="event-options"
      aria-expanded=${isOpen.value ? "true" : "false"} defaultValue=${chosen.value?.name ?? ""}
      aria-activedescendant=${isOpen.value && active.value >= 0 ? `event-option-${active.value}` : null}>
      ${(common) => html`
        <div class="combobox">
          <input ...${common} />
          <ul id="event-options" role="listbox" aria-label="Found" hidden=${!isOpen.value}>
            ${found.value.map((event, index) => html`
              <li key=${event.id} id=${`event-option-${index}`} role="option" aria-selected=${index === active.value ? "true" : "false"}
                onPointerDown=${(down) => (down.preventDefault(), choose(event))}>
                ${event.name}<small>${eventDay(event.startsAt, event.timeZone)} · ${event.venue}, ${event.city}</small>
              </li>`)}
          </ul>
          ${isOpen.value && !found.value.length && html`<p class="none-found">No such event. <a href="/events/new" onPointerDown=${(down) => down.preventDefault()}>Add an event</a></p>`}
        </div>`}
    <//>`;
}
