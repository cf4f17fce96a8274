/* Runs before the page is painted: a person's choice of light or dark, kept in this browser. */
(() => {
  const root = document.documentElement;
  root.dataset.script = "";
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const keep = (choice) => { try { choice ? localStorage.setItem("theme", choice) : localStorage.removeItem("theme"); } catch { /* not kept */ } };
  const show = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice; else delete root.dataset.theme;
    for (const button of document.querySelectorAll("[data-set-theme]"))
      button.setAttribute("aria-pressed", String((button.dataset.setTheme || null) === (choice || null)));
  };
  show(kept());
  document.addEventListener("DOMContentLoaded", () => show(kept()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-set-theme]");
    if (!button) return;
    keep(button.dataset.setTheme);
    show(button.dataset.setTheme);
  });
})();
