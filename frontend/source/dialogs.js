// Dialogs that the server sends ([data-modal]) open as they arrive, and what was done or refused is said aloud.
import { wake } from "./live.js";

const SAID_MS = 10_000;
let silence;

function say(message, refused) {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = message;
  place.classList.toggle("is-refused", refused);
  place.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => (place.hidden = true), SAID_MS);
}

document.addEventListener("htmx:afterSettle", () => {
  for (const dialog of document.querySelectorAll("dialog[data-modal]:not([open])")) {
    dialog.showModal();
    dialog.querySelector('[aria-invalid="true"], [autofocus]')?.focus();
  }
  document.querySelector('main form [aria-invalid="true"]')?.focus();
});
document.addEventListener("click", (event) => {
  event.target.closest?.("[data-closes]")?.closest("dialog")?.close();
});
document.addEventListener(
  "close",
  (event) => {
    if (!event.target.matches("dialog[data-modal]")) return;
    event.target.remove();
    wake();
  },
  true,
);
document.addEventListener("almoner:done", (event) => {
  for (const dialog of document.querySelectorAll("dialog[data-modal][open]")) dialog.close();
  say(event.detail.message, false);
});
document.addEventListener("almoner:refused", (event) => say(event.detail.message, true));
