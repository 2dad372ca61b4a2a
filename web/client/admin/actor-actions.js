// What an administrator can do to an actor, as far as it makes sense now.
import { Once } from "../api.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { announce } from "../notices.js";
import { confirmAction } from "./actions.js";

/** @type {Record<string, {label: string, title: string, text: string, said: string, isDangerous?: boolean}>} */
const WORDS = {
  restart: {
    label: "Restart",
    title: "Restart this actor?",
    text: "It forgets what it has in memory, gives up its turn and works again at once. What is durable stays.",
    said: "It is restarted.",
  },
  passivate: {
    label: "Let it sleep",
    title: "Let this actor go from memory?",
    text: "Nothing is lost: its next message wakes it.",
    said: "It sleeps.",
  },
  suspend: {
    label: "Suspend",
    title: "Suspend this actor?",
    text: "It handles no message until it is resumed. Whoever asks it something waits, or is told that it is not available.",
    said: "It is suspended.",
    isDangerous: true,
  },
  resume: {
    label: "Resume",
    title: "Let this actor work again?",
    text: "It handles what has waited, at once.",
    said: "It works again.",
  },
  release: {
    label: "Release the ticket",
    title: "Take the ticket from whoever holds it?",
    text: "Their order is cancelled, and the ticket is for sale again.",
    said: "The ticket is being released.",
    isDangerous: true,
  },
  refund: {
    label: "Refund",
    title: "Give the buyer all of the money back?",
    text: "The ticket is taken back and stays off the market.",
    said: "The refund has begun.",
    isDangerous: true,
  },
  relist: {
    label: "Refund and relist",
    title: "Give the buyer all of the money back, and sell the ticket again?",
    text: "The ticket is taken back and is for sale again at once.",
    said: "The refund has begun.",
    isDangerous: true,
  },
};

/** Whether it is an order that is paid, or the payment of one. @param {any} actor */
const isRefundable = ({ kind, state }) =>
  (kind === "order" && state?.status === "complete") || (kind === "payment" && state?.status === "captured");

/** What is sent for *name*. @param {any} actor @param {string} path @param {string} name @param {string} reason */
function request(actor, path, name, reason) {
  if (name !== "refund" && name !== "relist") return [`${path}/${name}`, { reason }];
  return [`/api/admin/orders/${actor.key}/refund`, { reason, relist: name === "relist" }];
}

/** @param {{actor: any, path: string, take: (actor: any) => void}} props */
export function ActorActions({ actor, path, take }) {
  const begin = (name) => {
    const { label, title, text, said, isDangerous = false } = WORDS[name];
    const once = new Once();
    confirmAction({
      title,
      text,
      button: label,
      isDangerous,
      run: async (reason) => {
        const { data } = await once.send("POST", ...request(actor, path, name, reason));
        if (data.kind === actor.kind && "actions" in data) take(data); // A refund answers with the payment.
        announce(said);
      },
    });
  };
  const names = [...actor.actions.filter((name) => name in WORDS), ...(isRefundable(actor) ? ["refund", "relist"] : [])];
  return html`
    <div class="actor-actions" role="group" aria-label="Actions">
      ${names.map((name) => html`
        <button key=${name} class="button small secondary" type="button" disabled=${!canAct.value} onClick=${() => begin(name)}>${WORDS[name].label}</button>`)}
    </div>`;
}
