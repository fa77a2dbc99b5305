// Menus are <details class="dropdown">; they close on Escape and when something else is pressed.
const open = () => document.querySelectorAll("details.dropdown[open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;

  const theme = event.target.closest?.("[data-theme-value]");
  if (theme) {
    document.dispatchEvent(new CustomEvent("almoner:theme", { detail: theme.dataset.themeValue }));
    for (const menu of open()) menu.open = false;
  }
  const dialog = event.target.closest?.("[data-opens]");
  if (dialog) document.getElementById(dialog.dataset.opens)?.showModal();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
