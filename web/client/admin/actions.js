// Doing something to what is shown: only with a reason, and after a question.
import { signal, useSignal } from "@preact/signals";
import { Dialog } from "../components/dialog.js";
import { Action } from "../components/parts.js";
import { html } from "../html.js";
import { canAct } from "../live.js";

const REASON_MAX = 500;

/**
 * @typedef {{title: string, text: string, button: string, isDangerous?: boolean,
 *   run: (reason: string) => Promise<any>}} Question
 */

/** @type {import("@preact/signals").Signal<Question|null>} */
const asked = signal(null);

/** Ask, and *run* it if that is confirmed with a reason; what it throws is shown. @param {Question} question */
export const confirmAction = (question) => void (asked.value = question);

/** Where the question appears. */
export const Questions = () => asked.value && html`<${Asking} question=${asked.value} />`;

/** @param {{question: Question}} props */
function Asking({ question }) {
  const isPending = useSignal(false);
  const fault = useSignal("");
  const close = () => !isPending.peek() && (asked.value = null);
  const confirm = async (event) => {
    event.preventDefault();
    const reason = new FormData(event.currentTarget).get("reason").trim();
    if (isPending.peek()) return;
    if (!reason) {
      fault.value = "Say why: the audit log keeps it.";
      return;
    }
    isPending.value = true;
    fault.value = "";
    try {
      await question.run(reason);
      asked.value = null;
    } catch (error) {
      fault.value = error.message;
    } finally {
      isPending.value = false;
    }
  };
  return html`
    <${Dialog} title=${question.title} onClose=${close}>
      <form class="asking" onSubmit=${confirm}>
        <p class="soft">${question.text}</p>
        <div class="field">
          <label for="reason">Reason</label>
          <textarea id="reason" name="reason" rows="3" maxlength=${REASON_MAX} autofocus
            aria-describedby=${fault.value ? "reason-fault" : "reason-hint"} aria-invalid=${fault.value ? "true" : null}></textarea>
          ${fault.value
            ? html`<p class="error" id="reason-fault" role="alert">${fault.value}</p>`
            : html`<p class="hint" id="reason-hint">Kept in the audit log, with your name.</p>`}
        </div>
        <div class="asking-buttons">
          <button class="button secondary" type="button" onClick=${close}>Do not</button>
          <${Action} type="submit" class=${question.isDangerous ? "button danger" : "button"} isPending=${isPending.value} disabled=${!canAct.value}>${question.button}<//>
        </div>
      </form>
    <//>`;
}
