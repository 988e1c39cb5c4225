// Keep what is typed in a form in this tab, so that it is still there after the session ended or the network broke.
// controls.js forgets it once it is saved. What it was typed over is kept too, so that the server can merge it with what
// somebody else saved meanwhile.
(() => {
  const form = document.querySelector("form[data-keeps]");
  const PREFIX = "typed:";
  if (!form) return;
  const key = PREFIX + window.location.pathname;
  const skipped = new Set(["csrf_token", "count"]);
  const fields = () => [...form.elements].filter((one) => one.name && !skipped.has(one.name));
  const value = (one) => (one.type === "checkbox" ? String(one.checked) : one.value);
  const began = new Map(fields().map((one) => [one.name, value(one)]));

  const kept = JSON.parse(window.sessionStorage.getItem(key) ?? "null");
  const answered = document.querySelector("main [role=alert]"); // the server has shown what was typed
  if (kept && !answered) {
    let restored = false;
    for (const one of fields()) {
      if (!(one.name in kept) || kept[one.name] === value(one)) continue;
      if (one.type === "checkbox") one.checked = kept[one.name] === "true";
      else one.value = kept[one.name];
      restored = true;
    }
    const hint = document.getElementById("live-hint");
    if (restored && hint) hint.textContent = "What you typed before is in the form again. It is not saved yet.";
  }

  form.addEventListener("input", () => {
    const typed = fields().filter((one) => one.name === "base" || value(one) !== began.get(one.name));
    window.sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(typed.map((one) => [one.name, value(one)]))));
  });
})();
