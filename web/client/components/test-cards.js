// The cards that there are while no money moves. Source: docs.stripe.com/testing
import { html } from "../html.js";

const CARDS = [
  ["4242 4242 4242 4242", "pays"],
  ["4000 0000 0000 0002", "is declined"],
  ["4000 0000 0000 9995", "has no funds"],
  ["4000 0025 0000 3155", "asks for 3-D Secure"],
  ["4000 0084 0000 1629", "asks, and is declined"],
];

export const TestCards = () => html`
  <aside class="test-cards" aria-label="Test cards">
    <p><strong>Test mode:</strong> no money moves. Pay with one of these cards, any date ahead and any security code.</p>
    <ul>${CARDS.map(([number, effect]) => html`<li key=${number}><code>${number}</code> <span>${effect}</span></li>`)}</ul>
  </aside>`;
