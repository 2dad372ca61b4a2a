// A new password by a reset link: what is behind the # of the address says which account.
import { useRef } from "preact/hooks";
import { call } from "../api.js";
import { Field, Submit, refuse, useForm } from "../components/form.js";
import { AlertRegion, Empty, Heading } from "../components/parts.js";
import { html } from "../html.js";
import { announce } from "../notices.js";
import { navigate } from "../router.js";
import { load } from "../session.js";

const TITLE = "Choose a new password";

/** Taken from the address at once: nobody is to find it in the history, or over a shoulder. */
function takeToken() {
  const token = location.hash.slice(1);
  if (token) history.replaceState(history.state, "", location.pathname);
  return token;
}

export default function Reset() {
  const held = useRef(/** @type {string|null} */ (null));
  held.current ??= takeToken();
  const token = held.current;
  const form = useForm(async ({ newPassword }) => {
    if (!newPassword) refuse({ newPassword: "Enter a new password" });
    await call("POST", "/api/users/reset", { body: { token, newPassword } });
    await load(); // Whoever was signed in here may not be any more.
    navigate("/signin", { replace: true });
    announce("Your new password is set. Sign in with it.");
  });
  return html`
    <section class="narrow">
      <${Heading}>${TITLE}<//>
      ${token
        ? html`
            <p class="lead">You will be signed out everywhere, and sign in with it.</p>
            <form class="sheet" novalidate onSubmit=${form.submit}>
              <${AlertRegion} />
              <${Field} form=${form} name="newPassword" label="New password" type="password" autocomplete="new-password"
                hint="At least 8 characters; a few words are easier to remember." />
              <${Submit} form=${form}>Set password<//>
            </form>`
        : html`
            <${Empty} title="This link is not complete">
              <p>Open it as it was sent to you. It can be used once, within an hour; ask for another one if it is older.</p>
            <//>`}
    </section>`;
}
