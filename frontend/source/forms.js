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
});
