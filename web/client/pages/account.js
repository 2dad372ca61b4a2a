// One's own account: another password, and signing out wherever one is signed in.
import { useSignal } from "@preact/signals";
import { Dialog } from "../components/dialog.js";
import { Field, Submit, refuse, useForm } from "../components/form.js";
import { SignInFirst } from "../components/loaded.js";
import { Action, AlertRegion, Heading } from "../components/parts.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { alarm, announce } from "../notices.js";
import { navigate } from "../router.js";
import { changePassword, signOutEverywhere, user } from "../session.js";

const TITLE = "Your account";

export default function Account() {
  const who = user.value;
  if (!who) return html`<${SignInFirst} title=${TITLE} why="Then you can change your password." />`;
  return html`
    <section class="narrow" key=${who.id}>
      <${Heading}>${TITLE}<//>
      <p class="lead">You are signed in as ${who.email}.</p>
      <${Password} email=${who.email} />
      <${Everywhere} />
    </section>`;
}

function Password({ email }) {
  const form = useForm(async ({ currentPassword, newPassword }, _once, element) => {
    const missing = {};
    if (!currentPassword) missing.currentPassword = "Enter your current password";
    if (!newPassword) missing.newPassword = "Enter a new password";
    if (Object.keys(missing).length) refuse(missing);
    try {
      await changePassword(currentPassword, newPassword);
    } catch (error) {
      if (error.code === "invalid_credentials") refuse({ currentPassword: "This is not your current password" });
      throw error;
    }
    element.reset();
    announce("Your password is changed. You are signed out everywhere else.");
    isDone.value = true;
  });
  const isDone = useSignal(false);
  return html`
    <form class="sheet" novalidate onSubmit=${form.submit} onInput=${() => (isDone.value = false)} aria-labelledby="password-title">
      <h2 class="sheet-title" id="password-title">Change your password</h2>
      <${AlertRegion} />
      <input type="email" name="email" value=${email} autocomplete="username" readonly hidden />
      <${Field} form=${form} name="currentPassword" label="Current password" type="password" autocomplete="current-password" />
      <${Field} form=${form} name="newPassword" label="New password" type="password" autocomplete="new-password"
        hint="At least 8 characters; a few words are easier to remember. You will be signed out everywhere else." />
      ${isDone.value && html`<p class="done">Your password is changed.</p>`}
      <${Submit} form=${form}>Change password<//>
    </form>`;
}

function Everywhere() {
  const isAsked = useSignal(false);
  return html`
    <section class="sheet" aria-labelledby="everywhere-title">
      <h2 class="sheet-title" id="everywhere-title">Signed in somewhere else?</h2>
      <p class="lead">On a computer that is not yours, or on a phone that you have lost.</p>
      <button class="button secondary" type="button" disabled=${!canAct.value} onClick=${() => (isAsked.value = true)}>Sign out everywhere</button>
      ${isAsked.value && html`<${Question} onClose=${() => (isAsked.value = false)} />`}
    </section>`;
}

function Question({ onClose }) {
  const isPending = useSignal(false);
  const leave = async () => {
    isPending.value = true;
    alarm("");
    try {
      await signOutEverywhere();
      announce("You are signed out everywhere.");
      navigate("/signin");
    } catch (error) {
      onClose();
      alarm(error.message);
    }
  };
  return html`
    <${Dialog} title="Sign out everywhere?" onClose=${onClose}>
      <p>Here, too: you will have to sign in again. Your reservations and payments go on.</p>
      <div class="actions">
        <${Action} type="button" class="button danger" isPending=${isPending.value} disabled=${!canAct.value} onClick=${leave}>Sign out<//>
        <button class="button secondary" type="button" autofocus onClick=${onClose}>Stay signed in</button>
      </div>
    <//>`;
}
