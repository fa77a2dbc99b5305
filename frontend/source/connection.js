// Pages that refresh themselves ([data-live]) rest while nobody looks, and say when the server is out of reach.
const banner = () => document.getElementById("connection-lost");

export function lost(gone) {
  const element = banner();
  if (element) element.hidden = !gone;
  document.documentElement.classList.toggle("is-offline", gone);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const source = event.target;
  if (!source.matches("[data-live]")) return;
  const busy = document.querySelector("dialog[open]") !== null;
  if (document.hidden || busy) event.preventDefault();
});
for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, () => lost(true));
// A form whose answer was lost says so, and that sending it again does it once: it carries the key of what it does.
document.addEventListener("htmx:sendError", (event) => {
  const form = event.target;
  if (!form.matches?.("form") || !form.elements.idempotency_key || form.querySelector("[data-answer-lost]")) return;
  form.prepend(document.getElementById("answer-lost").content.cloneNode(true));
});
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) lost(true);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) lost(false);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-live]")) element.dispatchEvent(new Event("wake"));
});
