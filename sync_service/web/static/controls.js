// Small behaviours that HTML lacks: navigation scroll, forms that submit on change, copy buttons.
(() => {
  // Forget what was typed in a form that is saved now; see keep.js.
  for (const one of document.querySelectorAll("[data-saved]")) window.sessionStorage.removeItem(`typed:${one.dataset.saved}`);

  // When the navigation is too wide for the screen, scroll to the current page's entry.
  document.querySelector(".top-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  // Submit a form when its select changes. Without JavaScript the form has a button.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // Copy a value to the clipboard. If the browser does not allow it, the value is selected.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    const field = document.querySelector(button.dataset.copies);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
    }
  });
})();
