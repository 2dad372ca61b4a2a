// From a card to a token. The card's number never leaves this browser.
//
// In test mode a test card's number stands for a test payment method. With real payments the
// provider's own form takes its place here; nothing else of the checkout has to know.

/** @typedef {{number: string, expiry: string, code: string}} Card */

/** The cards that work in test mode. Source: docs.stripe.com/testing */
export const TEST_CARDS = [
  { number: "4242 4242 4242 4242", token: "pm_card_visa", effect: "pays" },
  { number: "5555 5555 5555 4444", token: "pm_card_mastercard", effect: "pays" },
  { number: "4000 0000 0000 0002", token: "pm_card_visa_chargeDeclined", effect: "is declined" },
  {
    number: "4000 0000 0000 9995",
    token: "pm_card_visa_chargeDeclinedInsufficientFunds",
    effect: "has insufficient funds",
  },
];

const digits = (text) => text.replace(/\D/g, "");

/**
 * What is wrong with the card, by field.
 * @param {Card} card @param {number} now
 * @returns {Record<string, string>}
 */
export function faults({ number, expiry, code }, now) {
  const found = {};
  if (!isNumber(digits(number))) found.number = "Enter the number on the card";
  if (!isAhead(expiry, now)) found.expiry = /^\D*$/.test(expiry) ? "Enter month and year" : "The card has expired, or this is no date";
  if (!/^\d{3,4}$/.test(code.trim())) found.code = "Enter the 3 or 4 digits";
  return found;
}

/**
 * The token that pays in place of *card*.
 * @param {Card} card
 * @returns {Promise<string|null>} null: not a card that can be used here
 */
export async function tokenOf(card) {
  return TEST_CARDS.find(({ number }) => digits(number) === digits(card.number))?.token ?? null;
}

/** As it is printed on a card. @param {string} text */
export const grouped = (text) => (digits(text).slice(0, 19).match(/\d{1,4}/g) ?? []).join(" ");

/** "1" and "127" are on the way to "12 / 27". @param {string} text @param {boolean} isErasing */
export function expiryTyped(text, isErasing) {
  let given = digits(text).slice(0, 4);
  if (/^[2-9]$/.test(given)) given = `0${given}`;
  if (given.length < 2 || (given.length === 2 && isErasing)) return given;
  return `${given.slice(0, 2)} / ${given.slice(2)}`;
}

/** Luhn's check. @param {string} number */
function isNumber(number) {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return number.length >= 12 && sum % 10 === 0;
}

/** @param {string} expiry @param {number} now */
function isAhead(expiry, now) {
  const match = /^\s*(\d{1,2})\s*\/?\s*(?:20)?(\d{2})\s*$/.exec(expiry);
  if (!match) return false;
  const [month, year] = [Number(match[1]), 2000 + Number(match[2])];
  return month >= 1 && month <= 12 && Date.UTC(year, month, 2) > now; // The last day, anywhere.
}
