// A search field with results ([data-find]): arrow keys walk through them, Escape closes them and then leaves
// the field, and those of the bar close when something else is pressed.
const list = (search) => search.querySelector("#search-results, [data-results]");

document.addEventListener("keydown", (event) => {
  const search = event.target.closest?.("[data-find]");
  if (!search) return;
  if (event.key === "Escape") {
    const field = search.querySelector("input");
    if (list(search).childElementCount) field.focus();
    else field.blur();
    list(search).replaceChildren();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [search.querySelector("input"), ...list(search).querySelectorAll("a")];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[(next + stops.length) % stops.length].focus();
  event.preventDefault();
});
for (const name of ["focusin", "click"]) {
  document.addEventListener(name, (event) => {
    if (!event.target.closest?.(".topbar-search")) document.getElementById("search-results")?.replaceChildren();
  });
}
