// What the sandbox holds, for people. It only looks.

const EVERY_MS = 2_000;
const SHOWN_MAX = 200; // More than anybody reads; the sums are over all of them.

const state = document.getElementById("state");
const table = document.querySelector("table");
const auto = document.getElementById("auto");

const WORDS = {
  requires_payment_method: "declined",
  requires_confirmation: "not confirmed",
  requires_action: "waits for the card holder",
  requires_capture: "authorised",
  succeeded: "captured",
  canceled: "void",
};

/** @param {string} tag @param {string} text @param {string} [kind] */
function made(tag, text, kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

/** @param {number} amount in minor units @param {string} currency */
function money(amount, currency) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency: currency.toUpperCase() });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const moment = (seconds) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" }).format(new Date(seconds * 1000));

/** Why it was declined, what was given back. */
function remarks({ error, refunds, currency }) {
  const said = error ? [error.decline_code ?? error.code ?? "declined"] : [];
  return said.concat(refunds.map(({ amount, status }) => `refund of ${money(amount, currency)}: ${status}`)).join("; ");
}

/** @param {string} name Of its column: the narrow page has no room for the heads of columns. */
function cell(name, text, kind = "") {
  const element = made("td", text, kind);
  element.dataset.name = name;
  return element;
}

function row(intent) {
  const line = document.createElement("tr");
  const { amount, amount_received, amount_refunded, currency, card } = intent;
  const sum = (minor) => (minor ? money(minor, currency) : ""); // What is there stands out.
  const status = cell("Status", "");
  status.append(made("span", WORDS[intent.status] ?? intent.status, `status is-${intent.status}`));
  line.append(
    cell("Created", moment(intent.created)),
    status,
    cell("Amount", money(amount, currency), "number"),
    cell("Captured", sum(amount_received), "number"),
    cell("Refunded", sum(amount_refunded), "number"),
    cell("Card", card ? `${card.brand} ${card.last4}` : ""),
    cell("Order", intent.metadata.order_id ?? "", "id"),
    cell("What else", remarks(intent)),
  );
  line.title = intent.id;
  return line;
}

/** What is captured, held and given back, in each currency. */
function sums(intents) {
  const found = new Map();
  for (const { currency, amount_received, amount_capturable, amount_refunded } of intents) {
    const sum = found.get(currency) ?? { captured: 0, authorised: 0, refunded: 0 };
    sum.captured += amount_received;
    sum.authorised += amount_capturable;
    sum.refunded += amount_refunded;
    found.set(currency, sum);
  }
  return [...found].sort().flatMap(([currency, sum]) =>
    Object.entries(sum).map(([name, amount]) => {
      const pair = document.createElement("div");
      pair.append(made("dt", `${name}, ${currency}`), made("dd", money(amount, currency)));
      return pair;
    }));
}

async function look() {
  let intents;
  try {
    const response = await fetch("/_sandbox/intents");
    ({ intents } = await response.json());
  } catch {
    state.textContent = "The sandbox cannot be reached.";
    return;
  }
  intents.reverse();
  document.getElementById("sums").replaceChildren(...sums(intents));
  document.getElementById("intents").replaceChildren(...intents.slice(0, SHOWN_MAX).map(row));
  table.hidden = intents.length === 0;
  state.textContent = intents.length
    ? `${intents.length} in all${intents.length > SHOWN_MAX ? `; the newest ${SHOWN_MAX} are shown` : ""}.`
    : "Nothing yet: buy a ticket with a test card.";
}

let timer = 0;
document.getElementById("again").addEventListener("click", () => void look());
auto.addEventListener("click", () => {
  const isOn = auto.getAttribute("aria-pressed") !== "true";
  auto.setAttribute("aria-pressed", String(isOn));
  clearInterval(timer);
  if (isOn) timer = setInterval(() => document.hidden || void look(), EVERY_MS);
});
void look();
