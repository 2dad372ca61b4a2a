// Small charts of the last minutes.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { html } from "../html.js";
import { styled } from "./styles.js";

await styled("../vendor/uplot-1.6.32/uplot.css");

const HEIGHT = 96;
const SHOWN_SECONDS = 60; // At the least: a first minute grows from the right.

/** Light or dark: a chart is painted in the colours of its time, and then anew. */
const scheme = matchMedia("(prefers-color-scheme: dark)");
const isDark = signal(scheme.matches);
scheme.addEventListener("change", () => (isDark.value = scheme.matches));

/** A colour of the page, as it is in this light. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {(value: number) => string} shown */
function axes(shown) {
  const soft = { stroke: colour("--text-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return [
    { ...soft, grid: { show: false }, size: 22, values: (_, times) => times.map((at) => (at > SHOWN_SECONDS ? new Date(at * 1000).toTimeString().slice(0, 5) : "")), space: 90 },
    { ...soft, size: 52, values: (_, values) => values.map(shown), space: 28 },
  ];
}

/**
 * *times* are seconds since 1970, *values* of the same length; null where nothing is known.
 * @param {{title: string, times: number[], values: Array<number|null>, shown: (value: number) => string}} props
 */
export function Chart({ title, times, values, shown }) {
  const place = useRef(null);
  const chart = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const made = new UPlot(
      {
        width: place.current.clientWidth,
        height: HEIGHT,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          x: { range: (_, first, last) => (last === null ? [0, SHOWN_SECONDS] : [Math.min(first, last - SHOWN_SECONDS), last]) },
          y: { range: (_, __, most) => [0, Math.max(most ?? 0, Number.MIN_VALUE) * 1.15 || 1] },
        },
        axes: axes(shown),
        series: [{}, { stroke: colour("--accent"), width: 1.5, fill: colour("--accent-soft"), points: { show: false } }],
      },
      [times, values],
      place.current,
    );
    chart.current = made;
    const { current: box } = place;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT }));
    watch.observe(box);
    return () => (watch.disconnect(), made.destroy());
  }, [isDark.value]);
  useEffect(() => chart.current.setData([times, values]), [times.at(-1), times.length]);
  const last = values.at(-1);
  return html`
    <figure class="chart">
      <figcaption>${title} <strong class="number">${last === undefined || last === null ? "-" : shown(last)}</strong></figcaption>
      <div ref=${place} class="chart-place" aria-hidden="true"></div>
    </figure>`;
}
