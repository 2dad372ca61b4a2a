// The payment provider's form: Stripe.js, or what the sandbox serves in its place.
//
// Card numbers are typed into frames of the provider's; nothing of ours ever sees one. Only calls
// of Stripe.js are made here, so that the one and the other are the same to us.

const PATIENCE_MS = 20_000; // A script that has not come by then is not worth waiting for.

/** Currencies without a smaller unit; `ticketing/values.py` has the same. */
const WHOLE = new Set("clp jpy krw vnd xaf xof".split(" "));

// Each would need more of our policy than the card fields do.
const OPTIONS = { wallets: { applePay: "never", googlePay: "never", link: "never" } };

/** @type {Promise<any>|null} */
let loading = null;

/**
 * Stripe's object. After a failure the next call tries again.
 * @param {{stripeJs: string, publishableKey: string}} config
 */
export function provider({ stripeJs, publishableKey }) {
  loading ??= loaded(stripeJs).then(() => globalThis.Stripe(publishableKey));
  loading.catch(() => (loading = null));
  return loading;
}

/** @param {string} address */
function loaded(address) {
  if (globalThis.Stripe) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const fail = () => (script.remove(), reject(new Error(`${address} cannot be loaded`)));
    const timer = setTimeout(fail, PATIENCE_MS);
    script.onload = () => (clearTimeout(timer), resolve());
    script.onerror = () => (clearTimeout(timer), fail());
    script.src = address;
    document.head.append(script);
  });
}

/** *price* in the smallest unit of its currency. @param {number} price @param {string} currency */
export const minor = (price, currency) => Math.round(WHOLE.has(currency) ? price : price * 100);

const dark = matchMedia("(prefers-color-scheme: dark)");

/** As our own fields look, by the names of Stripe's Appearance API. */
function appearance() {
  const style = getComputedStyle(document.documentElement);
  const ours = (name) => style.getPropertyValue(name).trim();
  return {
    theme: dark.matches ? "night" : "stripe",
    variables: {
      colorPrimary: ours("--accent"),
      colorBackground: ours("--surface"),
      colorText: ours("--text"),
      colorTextSecondary: ours("--text-soft"),
      colorTextPlaceholder: ours("--text-soft"),
      colorDanger: ours("--bad"),
      borderRadius: "8px",
      fontSizeBase: "15px",
      fontFamily: "system-ui, sans-serif",
    },
    rules: { ".Input": { borderColor: ours("--line-strong") } },
  };
}

/**
 * Show the card fields in *place*.
 * @param {any} stripe @param {{price: number, currency: string}} ticket @param {HTMLElement} place
 * @param {{onReady: () => void, onFailure: () => void}} hear
 * @returns {{elements: any, focus: () => void, remove: () => void}} what is to be submitted
 */
export function show(stripe, { price, currency }, place, { onReady, onFailure }) {
  const elements = stripe.elements({
    mode: "payment",
    amount: minor(price, currency),
    currency,
    captureMethod: "manual",
    allowedPaymentMethodTypes: ["card"],
    appearance: appearance(),
  });
  const element = elements.create("payment", OPTIONS);
  element.on("ready", onReady);
  element.on("loaderror", onFailure);
  element.mount(place);
  const adapt = () => elements.update({ appearance: appearance() });
  dark.addEventListener("change", adapt);
  const remove = () => (dark.removeEventListener("change", adapt), element.unmount());
  return { elements, focus: () => element.focus(), remove };
}

/**
 * What was typed, as a token that the server can pay with.
 * @param {any} stripe @param {any} elements
 * @returns {Promise<{token?: string, error?: {type: string, message?: string}}>}
 */
export async function tokenOf(stripe, elements) {
  const { error: incomplete } = await elements.submit();
  if (incomplete) return { error: incomplete };
  const params = { return_url: location.href }; // For banks that take the whole window.
  const { error, confirmationToken } = await stripe.createConfirmationToken({ elements, params });
  return error ? { error } : { token: confirmationToken.id };
}
