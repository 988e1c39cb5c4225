// Small behaviours that HTML lacks: navigation scroll, forms that submit on change, copy buttons.
(() => {
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
