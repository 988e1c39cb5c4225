// Small behaviours that plain HTML lacks.
(() => {
  // A choice that takes effect at once; without script its form has a button.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
})();
