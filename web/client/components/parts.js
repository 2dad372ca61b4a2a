// Small pieces that all pages are made of.
import { useEffect, useRef } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { html } from "../html.js";
import { money } from "../money.js";
import { alarmed, alertPlaces } from "../notices.js";
import { arrive } from "../router.js";

/** The heading of the page: names the tab, and takes the focus after a navigation. */
export function Heading({ children, class: extra = "" }) {
  const heading = useRef(null);
  const text = [children].flat().join("");
  useEffect(() => {
    document.title = `${text} - Ticketing`;
  }, [text]);
  useEffect(() => arrive(heading.current), []);
  return html`<h1 ref=${heading} tabindex="-1" class=${extra}>${children}</h1>`;
}

/** The one alert, where the page wants it; else it is above the page. */
export function AlertRegion({ isOfPage = true }) {
  useEffect(() => {
    if (!isOfPage) return undefined;
    alertPlaces.value += 1;
    return () => void (alertPlaces.value -= 1);
  }, [isOfPage]);
  const region = useRef(null);
  // What is said out of sight helps nobody.
  useSignalEffect(() => {
    if (alarmed.value) requestAnimationFrame(() => region.current?.scrollIntoView({ block: "nearest" }));
  });
  if (!isOfPage && alertPlaces.value > 0) return null;
  const text = alarmed.value;
  return html`<div ref=${region} class=${text ? "alert" : "alert-place"} role="alert">${text}</div>`;
}

const MARKS = { available: "●", reserved: "◐", sold: "✓", withdrawn: "×" };
const NAMES = { available: "Available", reserved: "Reserved", sold: "Sold", withdrawn: "Withdrawn" };

/** A state in words and by a shape. @param {{status: string}} props */
export const Status = ({ status }) => html`
  <span class=${`status is-${status}`}><span class="mark" aria-hidden="true">${MARKS[status]}</span>${NAMES[status] ?? status}</span>`;

/** @param {{amount: number, currency: string}} props */
export function Price({ amount, currency }) {
  const text = money(amount, currency);
  return html`<span class=${text.length > 10 ? "price is-long" : "price"}>${text}</span>`;
}

const GLYPHS = new URL("../glyphs.svg", import.meta.url).pathname;

/** @param {{name: string}} props One of the shapes in glyphs.svg. */
export const Glyph = ({ name }) => html`
  <svg class="glyph" aria-hidden="true" width="24" height="24"><use href=${`${GLYPHS}#${name}`} /></svg>`;

/** A place where something would be. */
export const Empty = ({ glyph = "ticket", title, children }) => html`
  <div class="empty"><${Glyph} name=${glyph} /><p class="empty-title">${title}</p>${children}</div>`;

/** As tall as what will stand there. @param {{count: number, class: string}} props */
export const Skeletons = ({ count, class: kind }) => html`
  <div class="list" aria-hidden="true">
    ${Array.from({ length: count }, (_, index) => html`<div key=${index} class=${`skeleton ${kind}`}></div>`)}
  </div>`;

/** A button that shows that it works, and can be pressed once. */
export function Action({ isPending = false, disabled = false, class: kind = "button", children, ...rest }) {
  return html`
    <button class=${kind} disabled=${disabled} aria-disabled=${isPending ? "true" : null}
      aria-busy=${isPending ? "true" : null} ...${rest}
      onClick=${isPending ? (event) => event.preventDefault() : rest.onClick}>${children}</button>`;
}
