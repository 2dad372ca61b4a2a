// An address that is none of ours, or a thing that is not there.
import { html } from "../html.js";
import { Glyph, Heading } from "../components/parts.js";

export default function NotFound() {
  return html`
    <section class="narrow lost">
      <${Glyph} name="ticket" />
      <${Heading}>Page not found<//>
      <p class="lead">There is nothing at this address. It may have moved, or never have been.</p>
      <p><a class="button" href="/">See what is for sale</a></p>
    </section>`;
}
