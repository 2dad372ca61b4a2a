// The web client: begins here.
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { Layout } from "./components/layout.js";
import { html } from "./html.js";
import * as live from "./live.js";
import { route, startRouter } from "./router.js";
import { load, user } from "./session.js";

/** @type {import("@preact/signals").Signal<any>} The component that is shown, and what for. */
const shown = signal(null);

// A page is shown when its module is here; until then the old one stays.
effect(() => {
  const wanted = route.value;
  wanted.load().then(
    (module) => {
      if (route.peek() === wanted) shown.value = { Page: module.default, wanted };
    },
    () => location.reload(), // A new release has taken the place of ours.
  );
});

function App() {
  if (user.value === undefined || shown.value === null) return null;
  const { Page, wanted } = shown.value;
  return html`<${Layout}><${Page} key=${wanted.visit} id=${wanted.params.id} path=${wanted.path} query=${wanted.query} /><//>`;
}

effect(() => void (document.documentElement.dataset.live = live.state.value));

// Own things are followed everywhere: a ticket's page knows whether its reservation is ours.
let letGo = () => {};
effect(() => {
  const who = user.value;
  if (who === undefined) return;
  letGo();
  live.restart();
  letGo = who ? live.follow("me") : () => {};
});

startRouter();
live.startLive();
await Promise.all([load(), route.peek().load().catch(() => {})]); // Nothing is shown to be shifted.
const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
