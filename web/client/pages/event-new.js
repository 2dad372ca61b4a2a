// Announcing an event, unless it is there already.
import { useSignal } from "@preact/signals";
import { CATEGORIES } from "../categories.js";
import { EventRow } from "../components/event-row.js";
import { Choice, Field, Submit, refuse, useForm } from "../components/form.js";
import { SignInFirst } from "../components/loaded.js";
import { Action, AlertRegion, Heading } from "../components/parts.js";
import { html } from "../html.js";
import { canAct } from "../live.js";
import { alarm, announce } from "../notices.js";
import { navigate } from "../router.js";
import { user } from "../session.js";
import { instantOf, ownZone, zones } from "../times.js";

const REQUIRED = {
  name: "Enter the event's name", venue: "Enter the venue", city: "Enter the city",
  startsAt: "Enter the day and the time",
};

export default function NewEvent() {
  const likely = useSignal(/** @type {any[]} */ ([]));
  const isPending = useSignal(false);
  const form = useForm(async (values, once, element) => {
    const isDistinct = element.dataset.distinct === "true";
    delete element.dataset.distinct;
    likely.value = [];
    const missing = Object.entries(REQUIRED).filter(([name]) => !values[name].trim());
    if (missing.length) refuse(Object.fromEntries(missing));
    const body = { ...values, startsAt: instantOf(values.startsAt, values.timeZone) };
    if (isDistinct) body.distinct = true;
    isPending.value = isDistinct;
    try {
      const { data } = await once.send("POST", "/api/events", body);
      navigate(`/events/${data.id}`);
      announce("The event is added.");
    } catch (error) {
      if (error.code !== "event_exists") throw error;
      likely.value = error.more.events ?? [];
      alarm("This event seems to be here already.");
    } finally {
      isPending.value = false;
    }
  });
  if (!user.value) return html`<${SignInFirst} title="Add an event" why="Events are added by people with an account." />`;
  const insist = ({ currentTarget }) => {
    currentTarget.form.dataset.distinct = "true";
    currentTarget.form.requestSubmit();
  };
  return html`
    <section class="narrow">
      <${Heading}>Add an event<//>
      <p class="lead">An event cannot be changed afterwards, so have a second look.</p>
      <form class="sheet" novalidate autocomplete="off" onSubmit=${form.submit}>
        <${Field} form=${form} name="name" label="Name" maxlength="200" />
        <${Choice} form=${form} name="category" label="Category" options=${CATEGORIES} />
        <div class="pair">
          <${Field} form=${form} name="venue" label="Venue" maxlength="200" />
          <${Field} form=${form} name="city" label="City" maxlength="100" />
        </div>
        <div class="pair is-wide">
          <${Field} form=${form} name="startsAt" label="Starts at" type="datetime-local" />
          <${Choice} form=${form} name="timeZone" label="Time zone" options=${zones().map((zone) => [zone, zone.replaceAll("_", " ")])} value=${ownZone()} />
        </div>
        <${AlertRegion} />
        ${likely.value.length > 0 && html`
          <div class="likely">
            <p>Is it one of these?</p>
            <ul class="rows">${likely.value.map((event) => html`<${EventRow} key=${event.id} event=${event} />`)}</ul>
            <${Action} type="button" class="button secondary" isPending=${isPending.value} disabled=${!canAct.value} onClick=${insist}>Add it all the same<//>
          </div>`}
        <${Submit} form=${form}>Add event<//>
      </form>
    </section>`;
}
