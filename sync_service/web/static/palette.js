// The palette that finds anything ("/" or Ctrl+K), the list of keys ("?"), and "g" with a letter for the main pages.
// htmx fetches the results. The focus stays in the field; aria-activedescendant says which result is chosen.
(() => {
  const KEY = "okr-sync-keys";
  const PAUSE = 1500; // milliseconds between "g" and the letter after it
  const palette = document.getElementById("palette");
  const keys = document.getElementById("keys");
  const opener = document.getElementById("find");
  if (!palette || !keys || !opener) return;
  const field = document.getElementById("palette-words");
  const status = document.getElementById("palette-status");
  const choice = document.getElementById("keys-on");
  let goes = 0; // when "g" was pressed

  const stored = () => {
    try {
      return window.localStorage.getItem(KEY) !== "off";
    } catch {
      return true; // storage is switched off
    }
  };

  const options = () => [...palette.querySelectorAll("[role=option]")];
  const chosen = () => palette.querySelector("[role=option][aria-selected=true]");
  const isFresh = () => document.getElementById("palette-found")?.dataset.asked === field.value.trim();

  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
  };

  const move = (step) => {
    const all = options();
    if (!all.length) return;
    const now = all.indexOf(chosen());
    choose(all[(now + step + all.length) % all.length]);
  };

  const openPalette = () => {
    if (palette.open) return field.select();
    keys.close();
    palette.showModal();
    field.select();
    field.dispatchEvent(new Event("palette-opened"));
  };

  const openKeys = () => {
    choice.checked = stored();
    keys.showModal();
  };

  // A field of a dialog that was just closed may keep the focus until the next frame.
  const isTyping = (target) =>
    target.closest?.("input, textarea, select, [contenteditable]") != null && !target.closest("dialog:not([open])");

  // Keys without Ctrl do nothing while somebody types, while a dialog or menu is open, and where they are switched off.
  const pressSingle = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !stored()) return;
    if (document.querySelector("dialog[open], .dropdown-menu.show")) return;
    const follows = performance.now() - goes < PAUSE;
    goes = 0;
    const page = follows ? keys.querySelector(`[data-goes="${CSS.escape(event.key)}"]`) : null;
    if (page) page.click();
    else if (event.key === "/") openPalette();
    else if (event.key === "?") openKeys();
    else if (event.key === "g") return void (goes = performance.now());
    else return;
    event.preventDefault();
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
    } else pressSingle(event);
  });

  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter" && isFresh() && chosen()) chosen().click();
    else return; // Enter before the results have come opens the search page
    event.preventDefault();
  });

  palette.addEventListener("mousemove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== chosen()) choose(option);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail?.ctx?.sourceElement !== field) return;
    const found = document.getElementById("palette-found");
    if (!found) return field.form.submit(); // the session has ended: sign in, then see the results
    const all = options();
    field.setAttribute("aria-expanded", String(all.length > 0));
    field.setAttribute("aria-controls", all.length ? "palette-list" : "palette-found");
    status.textContent = field.value.trim() ? found.dataset.status : "";
    choose(field.value.trim() ? all[0] : undefined);
  });

  document.addEventListener("click", (event) => {
    const closes = event.target.closest("[data-closes]");
    if (closes) document.getElementById(closes.dataset.closes).close();
    else if (event.target === palette || event.target === keys) event.target.close(); // beside the dialog
    else if (event.target.closest("dialog a")) event.target.closest("dialog").close(); // going back shows it closed
  });

  opener.setAttribute("role", "button");
  opener.setAttribute("aria-haspopup", "dialog");
  opener.setAttribute("aria-keyshortcuts", "/ Control+K");
  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openPalette();
  });
  opener.addEventListener("keydown", (event) => {
    if (event.key !== " ") return; // a button is pressed by the space bar too
    event.preventDefault();
    openPalette();
  });

  choice.addEventListener("change", () => {
    try {
      if (choice.checked) window.localStorage.removeItem(KEY);
      else window.localStorage.setItem(KEY, "off");
    } catch {
      // storage is switched off: the keys stay on
    }
  });
})();
