// A form that posts is sent once, however often its button is pressed; one marked so is sent when it changes.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  form.ariaBusy = "true";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll('form[aria-busy="true"]')) form.ariaBusy = null;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest?.("form");
  if (form) form.ariaBusy = null;
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]") && event.target.value) event.target.form.requestSubmit();
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
// A list of choices is narrowed by the words typed into the field that names it; what is chosen stays in sight.
document.addEventListener("input", (event) => {
  const list = event.target.matches?.("[data-filters]") && document.getElementById(event.target.dataset.filters);
  if (!list) return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const label of list.querySelectorAll("label")) {
    const text = label.textContent.toLowerCase();
    const chosen = label.querySelector("input")?.checked;
    label.hidden = !chosen && !words.every((word) => text.includes(word));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("[data-filters]")) event.preventDefault();
});
