// Runs before the page is painted: the chosen theme, or the system's.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => {
    try {
      return localStorage.getItem("theme") ?? "auto";
    } catch {
      return "auto";
    }
  };
  const apply = () => {
    const chosen = choice();
    const theme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
    document.documentElement.dataset.bsTheme = theme;
    document.documentElement.dataset.themeChoice = chosen;
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("almoner:theme", (event) => {
    try {
      localStorage.setItem("theme", event.detail);
    } catch {
      // A browser that keeps nothing: the choice lasts as long as the page.
    }
    apply();
    if (choice() !== event.detail) document.documentElement.dataset.bsTheme = event.detail;
  });
})();
