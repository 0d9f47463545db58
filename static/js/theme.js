// Runs before the first paint: light or dark as chosen, else as the system asks; and "js" for styles that need scripts.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // Django admin keeps its own choice under this name, so that one choice holds in both.
  const KEY = "theme";

  const chosen = () => {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  };
  const apply = () => {
    const choice = chosen();
    root.setAttribute("data-bs-theme", choice === "auto" ? (dark.matches ? "dark" : "light") : choice);
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
      button.classList.toggle("active", button.dataset.themeChoice === choice);
    }
  };

  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  // Another tab, or Django admin, has chosen.
  window.addEventListener("storage", (event) => event.key === KEY && apply());
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    localStorage.setItem(KEY, button.dataset.themeChoice);
    apply();
    event.stopPropagation();
  }, true);
  root.classList.add("js");
})();
