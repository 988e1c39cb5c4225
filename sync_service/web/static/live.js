// Keeps an open page true: asks for the change counter, and when it moved fetches the page and morphs #live into it.
// Focus, scroll, open <details> and whatever is marked hx-morph-skip stay as the visitor left them.
(() => {
  const VISIBLE = 1000;
  const HIDDEN = 15000;
  const SLOWEST = 30000;
  const PATIENCE = 2; // failures before the visitor is told
  const OLDEST = 60000; // "just now" must not stand there for an hour
  const SHARE = 10; // a server that takes long is asked less: a tenth of the time at most

  const body = document.body;
  const url = body.dataset.changesUrl;
  if (!url) return;

  let seen = body.dataset.changes;
  let failures = 0;
  let timer = 0;
  let asking = false;
  let took = 0;
  let fresh = Date.now();

  const hint = (words) => {
    const place = document.getElementById("live-hint");
    if (place && place.textContent !== words) place.textContent = words;
    body.classList.toggle("is-away", words !== "");
  };

  const pause = () => {
    if (failures) return Math.min(VISIBLE * 2 ** failures, SLOWEST);
    return document.hidden ? HIDDEN : Math.max(VISIBLE, SHARE * took);
  };

  const wait = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, pause());
  };

  const watched = (root) =>
    new Map([...root.querySelectorAll("[data-watch]")].map((one) => [one, one.textContent]));

  const highlight = (before) => {
    for (const one of document.querySelectorAll("#live [data-watch]")) {
      if (before.get(one) === one.textContent) continue;
      one.classList.remove("just-changed");
      void one.offsetWidth; // starts the animation again
      one.classList.add("just-changed");
    }
  };

  const refresh = async () => {
    const answer = await fetch(window.location.href, { headers: { "X-Live": "1" }, credentials: "same-origin" });
    if (answer.redirected) return window.location.reload(); // signed out meanwhile
    if (!answer.ok) throw new Error(`the page answers ${answer.status}`);
    const text = await answer.text();
    const live = document.getElementById("live");
    const counter = /data-changes="(\d+)"/.exec(text);
    const before = watched(live);
    await window.htmx.swap({ text, target: live, select: "#live", swap: "outerMorph", sourceElement: live });
    if (counter) seen = counter[1];
    fresh = Date.now();
    highlight(before);
    document.dispatchEvent(new CustomEvent("okr:refreshed"));
  };

  const ask = async () => {
    if (asking) return;
    asking = true;
    const began = performance.now();
    try {
      const answer = await fetch(url, { headers: { "If-None-Match": `"${seen}"` }, cache: "no-store" });
      if (answer.status === 401) return window.location.reload();
      if (!answer.ok && answer.status !== 304) throw new Error(`the counter answers ${answer.status}`);
      const moved = answer.status !== 304 && String((await answer.json()).changes) !== seen;
      if (moved || Date.now() - fresh > OLDEST) await refresh();
      failures = 0;
      hint("");
    } catch {
      failures += 1;
      if (failures >= PATIENCE) hint("Reconnecting…");
    } finally {
      took = performance.now() - began;
      asking = false;
      wait();
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) wait();
    else ask();
  });
  window.addEventListener("online", ask);
  wait();
})();
