// What is around every page: the way to it, who is here, the state of the connection.
import { html } from "../html.js";
import * as live from "../live.js";
import { alarm, announced, announce } from "../notices.js";
import { navigate, route } from "../router.js";
import { isAdmin, signOut, user } from "../session.js";
import { AlertRegion, Glyph } from "./parts.js";

const BANNERS = {
  reconnecting: "Reconnecting... What you see may be out of date.",
  offline: "You are offline. What you see may be out of date.",
  back: "Back online",
  never: "Live updates are not available right now. Reload to see what has changed.",
};

function Item({ to, children }) {
  const path = route.value.path;
  const isHere = to === "/" ? path === "/" || path.startsWith("/tickets") : path.startsWith(to);
  return html`<li><a href=${to} aria-current=${path === to ? "page" : isHere ? "true" : null}>${children}</a></li>`;
}

async function leave() {
  try {
    await signOut();
    announce("You are signed out.");
    navigate("/");
  } catch (error) {
    alarm(error.message);
  }
}

const Account = ({ who }) =>
  who
    ? html`
        <a class="who" href="/account" title="Your account" aria-label=${`Your account: ${who.email}`}>${who.email}</a>
        <button class="button quiet" type="button" onClick=${leave}>Sign out</button>`
    : html`
        <a class="button quiet" href="/signin">Sign in</a>
        <a class="button secondary" href="/signup">Create account</a>`;

function Header() {
  const who = user.value;
  return html`
    <header class="top">
      <div class="top-row">
        <a class="brand" href="/"><${Glyph} name="ticket" />Ticketing</a>
        <nav aria-label="Main">
          <ul>
            <${Item} to="/">Tickets<//>
            <${Item} to="/events">Events<//>
            <${Item} to="/sell">Sell<//>
            ${who && html`<${Item} to="/orders">My orders<//><${Item} to="/listings">My listings<//>`}
            ${isAdmin.value && html`<${Item} to="/admin">Admin<//>`}
          </ul>
        </nav>
        <div class="account"><${Account} who=${who} /></div>
      </div>
    </header>`;
}

const Banner = () => {
  const text = BANNERS[live.banner.value] ?? "";
  return html`<div id="connection" class=${`banner is-${live.banner.value}`} role="status" hidden=${!text}>${text}</div>`;
};

export const Layout = ({ children }) => html`
  <a class="skip" href="#content">Skip to content</a>
  <${Header} />
  <${Banner} />
  <main id="content" tabindex="-1">
    <${AlertRegion} isOfPage=${false} />
    ${children}
  </main>
  <footer class="foot"><p>Ticketing</p><p><a href="/docs">For developers</a></p></footer>
  <div class="out-of-sight" role="status">${announced.value}</div>`;
