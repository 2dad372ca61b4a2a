// The card's fields. What is typed here goes to the sandbox and to nobody else: the page around is
// told whether it is complete, and in the end the id of a token.
import { ask, connect } from "./frame.js";

const form = document.getElementById("card");
const fields = { number: form.elements.number, expiry: form.elements.expiry, cvc: form.elements.cvc };

const digits = (text) => text.replace(/\D/g, "");

// What is wrong ------------------------------------------------------------------------------------

/** Luhn's check. @param {string} number */
function isNumber(number) {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return number.length >= 12 && sum % 10 === 0;
}

/** Month and four digits of the year, or null. */
function dateOf(text) {
  const match = /^\s*(\d{1,2})\s*\/?\s*(?:20)?(\d{2})\s*$/.exec(text);
  return match && { month: Number(match[1]), year: 2000 + Number(match[2]) };
}

const CHECKS = {
  number(text) {
    if (!digits(text)) return ["incomplete_number", "Your card number is incomplete."];
    return isNumber(digits(text)) ? null : ["invalid_number", "Your card number is invalid."];
  },
  expiry(text) {
    const date = dateOf(text);
    if (!date || date.month < 1 || date.month > 12) {
      return ["incomplete_expiry", "Your card's expiration date is incomplete."];
    }
    const isPast = Date.UTC(date.year, date.month, 2) <= Date.now(); // The last day, anywhere.
    return isPast ? ["invalid_expiry_year_past", "Your card's expiration year is in the past."] : null;
  },
  cvc: (text) => (/^\d{3,4}$/.test(text.trim()) ? null : ["incomplete_cvc", "Your card's security code is incomplete."]),
};

/** Say beside the field what is wrong with it; nothing: take that back. */
function mark(name, message) {
  document.getElementById(`${name}-error`).textContent = message;
  if (message) fields[name].setAttribute("aria-invalid", "true");
  else fields[name].removeAttribute("aria-invalid");
}

/** Look at all fields; the first fault has the focus and is what the page is told. */
function check() {
  const faults = Object.keys(fields).map((name) => [name, CHECKS[name](fields[name].value)]);
  for (const [name, fault] of faults) mark(name, fault ? fault[1] : "");
  const [first, fault] = faults.find((each) => each[1]) ?? [];
  if (!fault) return {};
  fields[first].focus();
  return { error: { type: "validation_error", code: fault[0], message: fault[1] } };
}

// The token ----------------------------------------------------------------------------------------

async function tokenize({ key, returnUrl }) {
  const { month, year } = dateOf(fields.expiry.value);
  const body = new URLSearchParams({
    "payment_method_data[type]": "card",
    "payment_method_data[card][number]": digits(fields.number.value),
    "payment_method_data[card][exp_month]": String(month),
    "payment_method_data[card][exp_year]": String(year),
    "payment_method_data[card][cvc]": fields.cvc.value.trim(),
  });
  if (returnUrl) body.set("return_url", returnUrl);
  const headers = { Authorization: `Bearer ${key}` };
  const { said, error } = await ask("/v1/confirmation_tokens", { method: "POST", headers, body });
  return error ? { error } : { confirmationToken: said };
}

// Typing -------------------------------------------------------------------------------------------

const TYPED = {
  /** As it is printed on a card. */
  number: (text) => (digits(text).slice(0, 19).match(/\d{1,4}/g) ?? []).join(" "),
  /** "1" and "127" are on the way to "12 / 27". */
  expiry(text, isErasing) {
    const whole = dateOf(text);
    let given = whole && digits(text).length === 6 ? `${digits(text).slice(0, 2)}${whole.year % 100}` : digits(text).slice(0, 4);
    if (/^[2-9]$/.test(given)) given = `0${given}`;
    if (given.length < 2 || (given.length === 2 && isErasing)) return given;
    return `${given.slice(0, 2)} / ${given.slice(2)}`;
  },
  cvc: (text) => digits(text).slice(0, 4),
};

/** Write *text* where it was typed, with the cursor behind the same digit. @param {HTMLInputElement} field */
function rewrite(field, text) {
  if (text === field.value) return;
  const isAtEnd = field.selectionStart === field.value.length;
  const before = digits(field.value.slice(0, field.selectionStart)).length;
  field.value = text;
  if (isAtEnd) return;
  let at = 0;
  for (let seen = 0; seen < before && at < text.length; at += 1) seen += /\d/.test(text[at]) ? 1 : 0;
  field.setSelectionRange(at, at);
}

function onInput({ target, inputType }) {
  rewrite(target, TYPED[target.name](target.value, inputType?.startsWith("delete") ?? false));
  mark(target.name, "");
  changed();
}

/** Who leaves a field half filled is told so at once; who has typed nothing is left alone. */
function onLeave({ target }) {
  const fault = target.value && CHECKS[target.name](target.value);
  if (fault) mark(target.name, fault[1]);
}

function changed() {
  const values = Object.entries(fields).map(([name, { value }]) => [name, value]);
  const complete = values.every(([name, value]) => CHECKS[name](value) === null);
  const empty = values.every(([, value]) => value === "");
  say({ event: "change", complete, empty, collapsed: false, value: { type: "card" } });
}

// Looks --------------------------------------------------------------------------------------------

/** Names of Stripe's Appearance API, and what they are here. */
const VARIABLES = {
  colorPrimary: "--primary", colorBackground: "--background", colorText: "--text", colorDanger: "--danger",
  colorTextPlaceholder: "--placeholder", fontFamily: "--font", fontSizeBase: "--size", fontSizeSm: "--size-small",
  borderRadius: "--radius", gridRowSpacing: "--row-gap", gridColumnSpacing: "--column-gap",
};
const RULES = { ".Input": { borderColor: "--line", padding: "--padding" }, ".Label": { fontWeight: "--label-weight" } };

/** The page says this first of all. */
function dress({ appearance: { theme = "stripe", variables = {}, rules = {} } }) {
  const { style, dataset } = document.documentElement;
  dataset.theme = theme;
  const given = Object.entries(VARIABLES).map(([name, ours]) => [ours, variables[name]]);
  for (const [selector, names] of Object.entries(RULES)) {
    given.push(...Object.entries(names).map(([name, ours]) => [ours, rules[selector]?.[name]]));
  }
  for (const [ours, value] of given) {
    if (typeof value === "string") style.setProperty(ours, value);
    else style.removeProperty(ours);
  }
  sizes.observe(form);
}

// Together -----------------------------------------------------------------------------------------

const say = connect({
  check,
  tokenize,
  dress,
  focus: () => void (Object.values(fields).find(({ name, value }) => CHECKS[name](value)) ?? fields.number).focus(),
  blur: () => void document.activeElement?.blur(),
  clear() {
    form.reset();
    Object.keys(fields).forEach((name) => mark(name, ""));
    changed();
  },
});

let isReady = false;
const sizes = new ResizeObserver(() => {
  say({ event: "height", height: Math.ceil(form.getBoundingClientRect().height) });
  if (!isReady) say({ event: "ready" });
  isReady = true;
});

form.addEventListener("submit", (event) => event.preventDefault());
for (const field of Object.values(fields)) {
  field.addEventListener("input", onInput);
  field.addEventListener("blur", onLeave);
}
addEventListener("focus", () => say({ event: "focus" }));
addEventListener("blur", () => say({ event: "blur" }));
addEventListener("keydown", ({ key }) => key === "Escape" && say({ event: "escape" }));
