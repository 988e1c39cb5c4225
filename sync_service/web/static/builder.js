// Keep the focus in the condition builder: a removed line takes its button along, and a new line wants to be filled in.
(() => {
  let position = 0;

  const rows = () => [...document.querySelectorAll("#builder .builder-row")];

  const next = (act) => {
    const found = rows();
    if (act === "add") return found.at(-1)?.querySelector("select");
    const row = found[Math.min(position, found.length - 1)];
    return row ? row.querySelector("[value^='remove-']") : document.querySelector("#builder [value='add']");
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#builder [value^='remove-']");
    if (button) position = rows().indexOf(button.closest(".builder-row"));
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail?.ctx?.sourceElement;
    if (source?.name !== "act" || !/^(add|remove-)/.test(source.value)) return;
    next(source.value)?.focus();
  });
})();
