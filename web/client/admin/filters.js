// Which actors are listed, and a field that leads to one.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { SERVICE_OF } from "./links.js";
import { STATUSES } from "./status-mark.js";

const TYPING_MS = 250;

const SERVICES = ["auth", "tickets", "orders", "expiration", "payments"];

const Select = ({ name, label, values, value, onChange }) => html`
  <div class="field">
    <label for=${`filter-${name}`}>${label}</label>
    <select id=${`filter-${name}`} name=${name} onChange=${(event) => onChange({ [name]: event.currentTarget.value })}>
      <option value="" selected=${value === ""}>All</option>
      ${values.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${each}</option>`)}
    </select>
  </div>`;

/**
 * *onChange* is given what has changed; *onOpen* the key that somebody wants to see.
 * @param {{wanted: Record<string, string>, onChange: (changed: Record<string, string>) => void,
 *   onOpen: (key: string) => void}} props
 */
export function Filters({ wanted, onChange, onOpen }) {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (event) => {
    const key = event.currentTarget.value.trim();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange({ key }), TYPING_MS);
  };
  const submit = (event) => {
    event.preventDefault();
    clearTimeout(timer.current);
    const key = event.currentTarget.elements.key.value.trim();
    onChange({ key });
    if (key) onOpen(key);
  };
  return html`
    <form class="actor-filters" role="search" onSubmit=${submit}>
      <div class="field is-key">
        <label for="filter-key">Find by id</label>
        <input id="filter-key" name="key" type="search" autocomplete="off" spellcheck="false" maxlength="200"
          placeholder="How it begins; Enter opens it" defaultValue=${wanted.key} onInput=${type} />
      </div>
      <${Select} name="kind" label="Kind" values=${Object.keys(SERVICE_OF)} value=${wanted.kind} onChange=${onChange} />
      <${Select} name="service" label="Service" values=${SERVICES} value=${wanted.service} onChange=${onChange} />
      <${Select} name="status" label="Status" values=${STATUSES} value=${wanted.status} onChange=${onChange} />
      <button class="button secondary" type="submit">Open</button>
    </form>`;
}
