// Forms: fields with their errors beside them, one effect a submission, text that stays.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Once, Problem } from "../api.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { alarm } from "../notices.js";
import { route } from "../router.js";
import { Action } from "./parts.js";

/**
 * @typedef {{pending: import("@preact/signals").Signal<boolean>,
 *   faults: import("@preact/signals").Signal<Record<string, string>>,
 *   labels: Map<string, string>, submit: (event: SubmitEvent) => void}} Form
 */

/** What a person should read, not a program: "startsAt must be" is "Starts at must be". */
function worded(message, field, label) {
  const text = label && message.startsWith(`${field} `) ? label + message.slice(field.length) : message;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What is wrong, in one sentence. @param {Problem} problem @param {Map<string, string>} labels */
export function said(problem, labels) {
  const [first] = problem.errors ?? [];
  return first?.field ? worded(first.message, first.field, labels.get(first.field)) : problem.message;
}

/** Throw faults that were found here, as the server would say them. @param {Record<string, string>} faults */
export function refuse(faults) {
  const errors = Object.entries(faults).map(([field, message]) => ({ field, message }));
  throw new Problem(400, { code: "invalid_input", detail: "Something is missing.", errors });
}

/**
 * @param {(values: Record<string, string>, once: Once, form: HTMLFormElement) => Promise<any>} send
 *   What throws a `Problem` is shown.
 * @returns {Form}
 */
export function useForm(send) {
  const pending = useSignal(false);
  const faults = useSignal(/** @type {Record<string, string>} */ ({}));
  const { once, labels } = useRef({ once: new Once(), labels: new Map() }).current;

  async function submit(event) {
    event.preventDefault();
    const element = event.currentTarget;
    if (pending.peek() || !canAct.peek()) return;
    const { visit } = route.peek();
    pending.value = true;
    faults.value = {};
    alarm("");
    try {
      await send(Object.fromEntries(new FormData(element)), once, element);
    } catch (error) {
      pending.value = false;
      if (!(error instanceof Problem)) throw error;
      explain(error, element);
      return;
    }
    // If it has led elsewhere, it is done with, although it is here until the next page is.
    if (route.peek().visit === visit) pending.value = false;
  }

  /** @param {Problem} problem @param {HTMLFormElement} element */
  function explain(problem, element) {
    const known = problem.errors.filter(({ field }) => field && labels.has(field));
    const found = {};
    for (const { field, message } of known) found[field] ??= worded(message, field, labels.get(field));
    faults.value = found;
    if (!known.length) alarm(problem.message);
    const first = [...element.elements].find((each) => (each.dataset.field ?? each.name) in found);
    requestAnimationFrame(() => first?.focus());
  }

  return { pending, faults, labels, submit };
}

/** The error of a field, and what points to it. @param {Form} form @param {string} name @param {string} hint */
export function described(form, name, hint) {
  const error = form.faults.value[name];
  const ids = [error && `${name}-error`, hint && `${name}-hint`].filter(Boolean).join(" ");
  return { error, attributes: { "aria-invalid": error ? "true" : null, "aria-describedby": ids || null } };
}

/** A label, a control, and what is wrong with it. */
export function Field({ form, name, label, hint = "", optional = false, class: extra = "", onType, children, ...rest }) {
  form.labels.set(name, label);
  const { error, attributes } = described(form, name, hint);
  const typed = (event) => {
    onType?.(event);
    if (form.faults.peek()[name]) form.faults.value = { ...form.faults.peek(), [name]: undefined };
  };
  const common = { id: `field-${name}`, name, onInput: typed, ...attributes, ...rest };
  const control = children ? children(common) : html`<input ...${common} />`;
  return html`
    <div class=${`field ${extra}`}>
      <label for=${`field-${name}`}>${label}</label>${optional && html`<span class="optional" aria-hidden="true">optional</span>`}
      ${control}
      ${error && html`<p class="error" id=${`${name}-error`}>${error}</p>`}
      ${hint && html`<p class="hint" id=${`${name}-hint`}>${hint}</p>`}
    </div>`;
}

/** A choice. @param {{options: Array<[string, string]>, value?: string}} props */
export const Choice = ({ options, value, ...rest }) => html`
  <${Field} ...${rest}>
    ${(common) => html`
      <select ...${common}>
        ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
      </select>`}
  <//>`;

/** The button of a form. */
export const Submit = ({ form, children, disabled = false, class: kind = "button" }) => html`
  <${Action} type="submit" class=${kind} isPending=${form.pending.value} disabled=${disabled || !canAct.value}>${children}<//>`;
