// Why a payment did not work, in words.

const REASONS = {
  insufficient_funds: "The card has insufficient funds.",
  expired_card: "The card has expired.",
  incorrect_cvc: "The security code is not right.",
  incorrect_number: "The card number is not right.",
  card_not_supported: "The card cannot be used for this.",
  currency_not_supported: "The card cannot be used in this currency.",
  card_velocity_exceeded: "The card has reached its limit.",
  payment_intent_authentication_failure: "Your bank could not make sure that it was you.",
  authentication_required: "Your bank could not make sure that it was you.",
  processing_error: "The bank could not process the card. Try again in a moment.",
};

/** @param {string} [code] */
export const reason = (code = "") => REASONS[code] ?? "The card was declined.";

/** @param {{declineCode?: string, attemptsLeft?: number, timeline?: Array<{what: string}>}} said */
export function declined({ declineCode, attemptsLeft, timeline = [] }) {
  if (timeline.at(-1)?.what === "not_sent") return REFUSALS.provider_unavailable;
  if (attemptsLeft === undefined) return reason(declineCode);
  return `${reason(declineCode)} ${attemptsLeft === 1 ? "1 attempt left" : `${attemptsLeft} attempts left`}.`;
}

const REFUSALS = {
  provider_unavailable: "The payment provider cannot be reached right now. Nothing was charged; try again in a moment.",
  payment_in_progress: "A payment for this ticket is under way already.",
  order_complete: "The ticket is paid for already.",
  order_expired: "The reservation has ended; you were not charged.",
  order_cancelled: "The order is cancelled; you were not charged.",
};

/** @param {import("./api.js").Problem} problem */
export function refusal({ code, message, more }) {
  if (code === "payment_declined") return declined(more);
  if (code === "rate_limited") return `Too many tries. Try again in ${shortly(more.retryAfter ?? 60)}.`;
  return REFUSALS[code] ?? message;
}

/** @param {number} seconds */
const shortly = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`);
