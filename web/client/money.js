// Prices as people read them.

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** *amount* in major units, as in "$20.00". @param {number} amount @param {string} currency */
export const money = (amount, currency) => formatOf(currency).format(amount);

/** *amount* as it would be typed: "64.50". @param {number} amount @param {string} currency */
export const typed = (amount, currency) => amount.toFixed(formatOf(currency).resolvedOptions().maximumFractionDigits);

/** @param {string} currency */
function formatOf(currency) {
  let format = formats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { style: "currency", currency: currency.toUpperCase() });
    formats.set(currency, format);
  }
  return format;
}

export const CURRENCIES = (
  "usd eur gbp jpy aud bgn brl cad chf clp cny czk dkk hkd huf idr ils inr krw mxn myr nok nzd php" +
  " pln ron sek sgd thb try twd vnd xaf xof zar"
).split(" ");

const names = new Intl.DisplayNames(undefined, { type: "currency", fallback: "code" });

/** "USD, US Dollar". @param {string} currency */
export function currencyName(currency) {
  const code = currency.toUpperCase();
  return `${code}, ${names.of(code)}`;
}

/** What somebody typed, as the interface reads it: "1.234,50" and "1,234.50" are 1234.50. @param {string} text */
export function plainAmount(text) {
  const bare = text.replace(/[\s\u00a0'’$€£¥]/g, "");
  const comma = /^(\d{1,3}(?:\.\d{3})+|\d+),(\d{1,2})$/.exec(bare);
  if (comma) return `${comma[1].replaceAll(".", "")}.${comma[2]}`;
  return /^\d{1,3}(,\d{3})+(\.\d*)?$/.test(bare) ? bare.replaceAll(",", "") : bare;
}
