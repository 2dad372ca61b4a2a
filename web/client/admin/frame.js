// What is around every admin page: who may see it, and the way to the others.
import { SignInFirst } from "../components/loaded.js";
import { Empty, Heading } from "../components/parts.js";
import { html } from "../html.js";
import { isAdmin, user } from "../session.js";
import { Questions } from "./actions.js";
import { styled } from "./styles.js";

await styled("admin.css");

const TABS = [
  ["overview", "/admin", "Overview"],
  ["actors", "/admin/actors", "Actors"],
  ["timers", "/admin/timers", "Timers"],
  ["parked", "/admin/parked", "Parked"],
  ["audit", "/admin/audit", "Audit"],
];

/** @param {{title: string, tab: string, children?: any}} props */
export function Frame({ title, tab, children }) {
  if (!user.value) return html`<${SignInFirst} title="Administration" why="This is for administrators." />`;
  if (!isAdmin.value) return html`<${NotAllowed} />`;
  return html`
    <div class="admin">
      <nav class="tabs" aria-label="Administration">
        <ul>${TABS.map(([name, to, text]) => html`
          <li key=${name}><a href=${to} aria-current=${location.pathname === to ? "page" : name === tab ? "true" : null}>${text}</a></li>`)}
        </ul>
      </nav>
      <${Heading}>${title}<//>
      ${children}
      <${Questions} />
    </div>`;
}

const NotAllowed = () => html`
  <section class="narrow">
    <${Heading}>Administration<//>
    <${Empty} title="Your account is not an administrator's">
      <p>The role is given on the server: <code>ticketing admin grant EMAIL</code></p>
    <//>
  </section>`;
