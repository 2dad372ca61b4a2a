// Tables of the admin pages: as wide as they must be, in a box that scrolls by itself.
import { html } from "../html.js";
import { Empty, Skeletons } from "../components/parts.js";

/**
 * @param {{label: string, columns: Array<[string, string?]>, lines: any[]|null, error?: string,
 *   nothing: string, row: (line: any) => any}} props
 *   columns: their headings, and "number" for those of figures.
 */
export function Table({ label, columns, lines, error = "", nothing, row }) {
  if (error && !lines) return html`<p class="error" role="alert">${error}</p>`;
  if (!lines) return html`<${Skeletons} count=${4} class="skeleton-row" />`;
  if (!lines.length) return html`<${Empty} title=${nothing} />`;
  return html`
    ${error && html`<p class="error" role="alert">${error}</p>`}
    <div class="table-box" tabindex="0" role="group" aria-label=${label}>
      <table>
        <thead><tr>${columns.map(([text, kind]) => html`<th scope="col" class=${kind ?? null}>${text}</th>`)}</tr></thead>
        <tbody>${lines.map(row)}</tbody>
      </table>
    </div>`;
}
