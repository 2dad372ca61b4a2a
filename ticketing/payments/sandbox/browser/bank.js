// The test bank's question (3-D Secure): who pays says that it is really them, or not.
import { ask, connect } from "./frame.js";

const question = document.getElementById("question");
const buttons = [...question.querySelectorAll("button")];
const note = document.getElementById("note");

const FAILED = {
  type: "invalid_request_error",
  code: "payment_intent_authentication_failure",
  message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

let key = "";
let clientSecret = "";

/** Show what is asked, and for how much. */
async function show(asked) {
  ({ key, clientSecret } = asked);
  const id = clientSecret.split("_secret_")[0];
  const headers = { Authorization: `Bearer ${key}` };
  const query = new URLSearchParams({ client_secret: clientSecret });
  const { said, error } = await ask(`/v1/payment_intents/${id}?${query}`, { headers });
  if (error) return void say({ error });
  document.getElementById("amount").textContent = shown(said.amount, said.currency);
  question.setAttribute("aria-busy", "false");
  buttons.forEach((button) => (button.disabled = false));
  document.getElementById("title").focus();
  return undefined;
}

/** @param {number} amount in minor units @param {string} currency */
function shown(amount, currency) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency: currency.toUpperCase() });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** @param {"pass"|"fail"} outcome */
async function answer(outcome) {
  buttons.forEach((button) => (button.disabled = true));
  note.textContent = "One moment...";
  const body = new URLSearchParams({ client_secret: clientSecret, outcome });
  const { said, error } = await ask("/_sandbox/authenticate", { method: "POST", body });
  if (error?.type === "api_connection_error") {
    buttons.forEach((button) => (button.disabled = false));
    note.textContent = "The bank cannot be reached. Try again.";
    buttons[0].focus();
  } else if (error) {
    say({ error });
  } else {
    say(said.last_payment_error ? { error: reasonOf(said) } : { paymentIntent: said });
  }
}

/** What Stripe.js says of an intent that ended without being authorised. */
function reasonOf(intent) {
  const { code } = intent.last_payment_error;
  const reason = code === FAILED.code ? FAILED : intent.last_payment_error;
  return { ...reason, payment_intent: intent };
}

const say = connect({ question: show });

for (const button of buttons) button.addEventListener("click", () => void answer(button.id));
addEventListener("keydown", ({ key: pressed, repeat }) => {
  // Not one that was still held down when the question appeared.
  if (pressed === "Escape" && !repeat && !buttons.some((button) => button.disabled)) void answer("fail");
});
