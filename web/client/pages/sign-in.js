// Sign in, or create an account.
import { html } from "../html.js";
import { ownPath, navigate } from "../router.js";
import { enter, user } from "../session.js";
import { announce } from "../notices.js";
import { AlertRegion, Heading } from "../components/parts.js";
import { Field, Submit, refuse, useForm } from "../components/form.js";

const TEXTS = {
  signin: {
    title: "Sign in", button: "Sign in", password: "current-password", done: "You are signed in.",
    lead: "Good to see you again.",
  },
  signup: {
    title: "Create an account", button: "Create account", password: "new-password",
    done: "Your account is ready; you are signed in.", lead: "To buy and to sell. It takes a moment.",
  },
};

export default function SignIn({ path, query }) {
  const how = path === "/signup" ? "signup" : "signin";
  const texts = TEXTS[how];
  const next = query.get("next");
  const form = useForm(async ({ email, password }) => {
    const missing = {};
    if (!email.trim()) missing.email = "Enter your e-mail address";
    if (!password) missing.password = "Enter a password";
    if (Object.keys(missing).length) refuse(missing);
    await enter(how, email.trim(), password);
    navigate(ownPath(next), { replace: true });
    announce(texts.done);
  });
  const other = next ? `?next=${encodeURIComponent(next)}` : "";
  return html`
    <section class="narrow">
      <${Heading}>${texts.title}<//>
      <p class="lead">${user.value ? `You are signed in as ${user.value.email}.` : texts.lead}</p>
      <form class="sheet" novalidate onSubmit=${form.submit}>
        <${AlertRegion} />
        <${Field} form=${form} name="email" label="E-mail" type="email" autocomplete="username" inputmode="email" spellcheck="false" />
        <${Field} form=${form} name="password" label="Password" type="password" autocomplete=${texts.password}
          hint=${how === "signup" ? "At least 8 characters; a few words are easier to remember." : ""} />
        <${Submit} form=${form}>${texts.button}<//>
      </form>
      <p class="aside">
        ${how === "signup"
          ? html`Have an account? <a href=${`/signin${other}`}>Use it instead</a>`
          : html`New here? <a href=${`/signup${other}`}>Create one</a>`}
      </p>
    </section>`;
}
