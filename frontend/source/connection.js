// Pages that refresh themselves ([data-live]) rest while nobody looks, and say when the server is out of reach.
const banner = () => document.getElementById("connection-lost");

function show(lost) {
  const element = banner();
  if (element) element.hidden = !lost;
  document.documentElement.classList.toggle("is-offline", lost);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const source = event.target;
  if (!source.matches("[data-live]")) return;
  const busy = document.querySelector("dialog[open]") !== null;
  if (document.hidden || busy) event.preventDefault();
});
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, () => show(true));
}
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) show(false);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-live]")) element.dispatchEvent(new Event("wake"));
});
