// "/" goes to the search field, "?" shows the keys, Escape leaves a field, and an element with data-key is pressed
// by its key.
const typing = (target) =>
  target.isContentEditable || target.matches("input, textarea, select") || target.closest("dialog[open]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target.matches?.("input[data-key]")) {
    if (!event.target.closest("[data-find]")) event.target.blur();
    return;
  }
  if (!(event.target instanceof Element) || typing(event.target)) return;
  let target = null;
  if (event.key === "/") {
    target = document.querySelector("[data-search]");
    target?.focus();
    target?.select?.();
  } else if (event.key === "?") {
    target = document.getElementById("keys");
    target?.showModal();
  } else {
    target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target?.matches("input, select")) target.focus();
    else target?.click();
  }
  if (target) event.preventDefault();
});
