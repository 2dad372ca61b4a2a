// What an actor is, as a tree, and what the last turn has changed of it.
import { html } from "../html.js";
import { Key } from "./links.js";

/** @typedef {Record<string, any>} Tree */

// What is longer stands in a box of its own.
const LONG = 60;

/** @param {any} value */
const isBranch = (value) => typeof value === "object" && value !== null && Object.keys(value).length > 0;

/** What a leaf says. @param {any} value */
function worded(value) {
  if (value === null) return "none";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object") return "{}";
  return String(value);
}

/** The type of a leaf, for its colour. @param {any} value */
function kindOf(value) {
  if (value === null || value === "" || typeof value === "object") return "nothing";
  if (typeof value === "string" && /^\((secret|personal|unreadable)\)$/.test(value)) return "hidden";
  return typeof value;
}

/** Whether two trees say the same. @param {any} a @param {any} b */
export function isSame(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && isSame(a[name], b[name]));
}

/** How many leaves differ. @param {any} now @param {any} before */
export function changes(now, before) {
  if (isSame(now, before)) return 0;
  if (!isBranch(now) || !isBranch(before)) return 1;
  return names(now, before).reduce((sum, name) => sum + changes(now[name], before[name]), 0);
}

/** Of both, in the order of *now*. @param {Tree} now @param {Tree} before */
const names = (now, before) => [...new Set([...Object.keys(now), ...Object.keys(before)])];

function Leaf({ name, value }) {
  const text = worded(value);
  const kind = `leaf-value is-${kindOf(value)}${text.length > LONG ? " is-long" : ""}`;
  return html`<span class=${kind}><${Key} name=${name} value=${text} /></span>`;
}

/** A value and, if it was another one before, what that was. */
function Twig({ name, now, before, compares }) {
  const isNew = compares && before === undefined;
  const isGone = compares && now === undefined;
  const isChanged = compares && !isNew && !isGone && !isSame(now, before);
  const mark = isNew ? "new" : isGone ? "gone" : isChanged ? "changed" : "";
  const wasNothing = isChanged && before === null;
  const value = isGone ? before : now;
  // A branch in the place of a leaf is told as a branch, and what it replaced in a word.
  const wasLeaf = isChanged && !isBranch(before);
  if (isBranch(value)) {
    const inner = compares && isBranch(before) && isBranch(now);
    return html`
      <li class=${mark && `is-${mark}`} data-field=${name}>
        <details open=${Object.keys(value).length <= 12 || Boolean(mark)}>
          <summary><span class="leaf-name">${name}</span> <span class="leaf-size">${sized(value)}</span>${mark && html` <${Mark} mark=${mark} />`}
            ${wasLeaf && html` <${Was} name=${name} value=${before} />`}</summary>
          <${Branch} now=${value} before=${inner ? before : {}} compares=${inner} />
        </details>
      </li>`;
  }
  return html`
    <li class=${mark && `is-${mark}`} data-field=${name}>
      <span class="leaf-name">${name}</span> <${Leaf} name=${name} value=${value} />
      ${mark && html` <${Mark} mark=${mark} word=${wasNothing ? "set" : mark} />`}
      ${isChanged && !wasNothing && html` <${Was} name=${name} value=${before} />`}
    </li>`;
}

const Mark = ({ mark, word = mark }) => html`<span class=${`change is-${mark}`}>${word}</span>`;

const Was = ({ name, value }) => html`
  <span class="was">was ${isBranch(value) ? sized(value) : html`<${Leaf} name=${name} value=${value} />`}</span>`;

/** How much a branch holds. @param {Tree} value */
export function sized(value) {
  const count = Object.keys(value).length;
  return Array.isArray(value) ? `${count} ${count === 1 ? "entry" : "entries"}` : `${count} ${count === 1 ? "field" : "fields"}`;
}

const Branch = ({ now, before, compares }) => html`
  <ul>
    ${names(now, before).map((name) => html`
      <${Twig} key=${name} name=${name} now=${now[name]} before=${before[name]} compares=${compares} />`)}
  </ul>`;

/**
 * *before* is the state one version earlier, or null if there was none: then nothing is marked.
 * @param {{state: Tree, before: Tree|null, label: string}} props
 */
export const StateTree = ({ state, before, label }) => html`
  <div class="tree" role="group" tabindex="0" aria-label=${label}>
    <${Branch} now=${state} before=${before ?? {}} compares=${before !== null} />
  </div>`;
