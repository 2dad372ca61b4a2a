// One's own tickets: what is offered, and what became of it, live.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Once, call, get, nextPage } from "../api.js";
import { Balances } from "../components/balance.js";
import { Dialog } from "../components/dialog.js";
import { SignInFirst } from "../components/loaded.js";
import { More } from "../components/more.js";
import { Action, Empty, Heading, Skeletons } from "../components/parts.js";
import { TicketCard } from "../components/ticket-card.js";
import { html } from "../html.js";
import { canAct, follow } from "../live.js";
import { alarm, announce } from "../notices.js";
import { user } from "../session.js";
import * as store from "../store.js";

const TITLE = "My listings";

export default function Listings() {
  const who = user.value;
  if (!who) return html`<${SignInFirst} title=${TITLE} why="Then you see what you have offered." />`;
  return html`<${Heading}>${TITLE}<//><${Balances} key=${`of ${who.id}`} /><${List} key=${who.id} me=${who.id} />`;
}

function List({ me }) {
  const ids = useSignal(/** @type {string[]|null} */ (null));
  const next = useSignal(/** @type {string|null} */ (null));
  const asked = useSignal("");
  const first = `/api/tickets?seller=${encodeURIComponent(me)}&status=any&limit=30`;
  const take = (data) => {
    data.forEach(store.putTicket);
    ids.value = [...new Set([...ids.peek(), ...data.map((ticket) => ticket.id)])];
  };
  const load = async () => {
    try {
      const { data, headers } = await call("GET", first);
      ids.value = [];
      take(data);
      next.value = nextPage(headers);
    } catch (error) {
      ids.value ??= [];
      alarm(error.message);
    }
  };
  useEffect(() => {
    void load();
    return follow("me", {
      news: ({ items }) => {
        const mine = items.filter((one) => one.kind === "ticket" && one.userId === me).map((one) => one.id);
        if (ids.peek()) ids.value = [...mine.filter((id) => !ids.peek().includes(id)), ...ids.peek()];
      },
      reset: () => void load(),
    });
  }, []);
  if (ids.value === null) return html`<${Skeletons} count=${4} class="skeleton-ticket" />`;
  if (!ids.value.length) {
    return html`<${Empty} title="You offer nothing"><p>Sell a ticket that you cannot use; it takes a minute.</p>
      <a class="button" href="/sell">Offer one</a><//>`;
  }
  return html`
    <ul class="list" aria-label="Listings">
      ${ids.value.map((id) => html`
        <${TicketCard} key=${id} id=${id}>
          <${Choices} ticket=${store.ticket(id).value} onWithdraw=${() => (asked.value = id)} />
        <//>`)}
    </ul>
    <${More} next=${next} take=${take} />
    ${asked.value && html`<${Withdraw} id=${asked.value} onClose=${() => (asked.value = "")} />`}`;
}

const Choices = ({ ticket, onWithdraw }) =>
  ticket?.status === "available" && html`
    <p class="ticket-choices">
      <a class="button quiet small" href=${`/tickets/${ticket.id}/edit`}>Edit</a>
      <button class="button quiet small" type="button" disabled=${!canAct.value} onClick=${onWithdraw}>Withdraw</button>
    </p>`;

function Withdraw({ id, onClose }) {
  const isPending = useSignal(false);
  const once = useRef(new Once()).current;
  const title = store.ticket(id).value?.title;
  const withdraw = async () => {
    isPending.value = true;
    alarm("");
    try {
      await once.send("DELETE", `/api/tickets/${id}`);
      announce("The ticket is off the market.");
    } catch (error) {
      alarm(error.message);
    }
    onClose();
    get(`/api/tickets/${id}`).then(store.putTicket, () => {}); // As it is now, either way.
  };
  return html`
    <${Dialog} title="Withdraw this ticket?" onClose=${onClose}>
      <p>${title} will not be for sale any more. This cannot be undone.</p>
      <div class="actions">
        <${Action} type="button" class="button danger" isPending=${isPending.value} disabled=${!canAct.value} onClick=${withdraw}>Withdraw<//>
        <button class="button secondary" type="button" autofocus onClick=${onClose}>Keep it</button>
      </div>
    <//>`;
}
