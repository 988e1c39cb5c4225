// Keep the focus in the condition builder: a removed line takes its button along, and a new line wants to be filled in.
// htmx tells its events to the pressed button, which is gone by then: the lines themselves are observed.
(() => {
  const form = document.getElementById("rule-form");
  if (!form) return;
  let pressed = null;

  const rows = () => [...form.querySelectorAll(".builder-row")];

  const next = (found) => {
    if (found.length > pressed.count) return found.at(-1).querySelector("select");
    const row = found[Math.min(pressed.position, found.length - 1)];
    return row ? row.querySelector("[value^='remove-']") : form.querySelector("[value='add']");
  };

  form.addEventListener("click", (event) => {
    const button = event.target.closest(".builder [value='add'], .builder [value^='remove-']");
    const found = rows();
    pressed = button && { count: found.length, position: found.indexOf(button.closest(".builder-row")) };
  });

  new MutationObserver(() => {
    const found = rows();
    if (!pressed || found.length === pressed.count) return;
    next(found)?.focus();
    pressed = null;
  }).observe(form, { childList: true, subtree: true });
})();
