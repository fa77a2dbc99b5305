// The results of the search in the bar: arrow keys walk through them, Escape and leaving close them.
const results = () => document.getElementById("search-results");

document.addEventListener("keydown", (event) => {
  const search = event.target.closest?.("[data-find]");
  if (!search) return;
  if (event.key === "Escape") {
    results().replaceChildren();
    search.querySelector("input").focus();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [search.querySelector("input"), ...search.querySelectorAll("#search-results a")];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[(next + stops.length) % stops.length].focus();
  event.preventDefault();
});
document.addEventListener("focusout", (event) => {
  const search = event.target.closest?.("[data-find]");
  if (search && !search.contains(event.relatedTarget) && event.relatedTarget) results().replaceChildren();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-find]")) results()?.replaceChildren();
});
