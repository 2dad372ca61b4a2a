// A question that has to be answered first.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";

/** @param {{title: string, onClose: () => void, children?: any}} props */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  const onClick = (event) => event.target === dialog.current && onClose(); // Beside the box.
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onClick=${onClick}
      onCancel=${(event) => (event.preventDefault(), onClose())}>
      <div class="dialog-box"><h2 id="dialog-title">${title}</h2>${children}</div>
    </dialog>`;
}
