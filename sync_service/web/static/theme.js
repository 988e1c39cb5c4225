// The theme: light, dark, or the system's. It is set before the page is drawn, so that the wrong theme never flashes.
(() => {
  const KEY = "okr-sync-theme";
  const CHOICES = ["light", "auto", "dark"];
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      const choice = window.localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "auto";
    } catch {
      return "auto"; // storage is switched off
    }
  };

  let chosen = stored();

  const apply = () => {
    const dark = chosen === "dark" || (chosen === "auto" && system.matches);
    document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
    }
    document.dispatchEvent(new CustomEvent("okr:theme"));
  };

  const choose = (choice) => {
    chosen = choice;
    try {
      window.localStorage.setItem(KEY, choice);
    } catch {
      // storage is switched off: the choice applies to this page only
    }
    apply();
  };

  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", () => {
    chosen = stored();
    apply();
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll(".theme-switch")) group.hidden = false;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.addEventListener("click", () => choose(button.dataset.themeChoice));
    }
    apply();
  });
})();
