// Keep an open page up to date: poll the change counter; when it changes, fetch #live and morph it into the new one.
// Blocks (elements with data-block) that did not change are not fetched: the page keeps its own.
// Focus, scroll position, open <details> and elements marked hx-morph-skip stay unchanged.
(() => {
  const VISIBLE = 1000;
  const HIDDEN = 15000;
  const SLOWEST = 30000;
  const FAILURES = 2; // failures before the page shows "Reconnecting…"
  const OLDEST = 60000; // refresh at least this often, or "just now" would stay for an hour
  const MOST_BLOCKS = 1000; // more would make the request's header too long
  const SHARE = 10; // wait 10 times as long as a poll took: a slow server is polled less

  const body = document.body;
  const url = body.dataset.changesUrl;
  if (!url) return;

  let seen = body.dataset.changes;
  let failures = 0;
  let timer = 0;
  let polling = false;
  let took = 0;
  let fresh = Date.now();

  const hint = (words) => {
    const element = document.getElementById("live-hint");
    if (element && element.textContent !== words) element.textContent = words;
    body.classList.toggle("is-away", words !== "");
  };

  const interval = () => {
    if (failures) return Math.min(VISIBLE * 2 ** failures, SLOWEST);
    return document.hidden ? HIDDEN : Math.max(VISIBLE, SHARE * took);
  };

  const schedule = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(poll, interval());
  };

  const watched = (root) =>
    new Map([...root.querySelectorAll("[data-watch]")].map((one) => [one, one.textContent]));

  const highlight = (before) => {
    for (const one of document.querySelectorAll("#live [data-watch]")) {
      if (before.get(one) === one.textContent) continue;
      one.classList.remove("just-changed");
      void one.offsetWidth; // restarts the animation
      one.classList.add("just-changed");
    }
  };

  const blocks = () =>
    new Map([...document.querySelectorAll("#live [data-block]")].map((one) => [one.dataset.block, one]));

  // Return the fetched text with the page's own blocks where it has data-same; null when one is no longer here.
  const completed = (text) => {
    const fetched = new DOMParser().parseFromString(text, "text/html");
    const held = blocks();
    for (const one of fetched.querySelectorAll("[data-same]")) {
      const own = held.get(one.dataset.same);
      if (!own) return null;
      one.replaceWith(own.cloneNode(true));
    }
    return fetched.body.innerHTML;
  };

  const fetchLive = async (digests) => {
    const options = { headers: { "X-Live": digests || "none" }, credentials: "same-origin" };
    const response = await fetch(window.location.href, options);
    if (response.redirected) {
      window.location.reload(); // the session has ended
      return null;
    }
    if (!response.ok) throw new Error(`the page answers ${response.status}`);
    return response.text();
  };

  const refresh = async () => {
    const fetched = await fetchLive([...blocks().keys()].slice(0, MOST_BLOCKS).join(""));
    if (fetched === null) return;
    const text = completed(fetched) ?? (await fetchLive(""));
    if (text === null) return;
    const live = document.getElementById("live");
    const counter = /data-changes="(\d+)"/.exec(fetched);
    const before = watched(live);
    await window.htmx.swap({ text, target: live, select: "#live", swap: "outerMorph", sourceElement: live });
    if (counter) seen = counter[1];
    fresh = Date.now();
    highlight(before);
    document.dispatchEvent(new CustomEvent("okr:refreshed"));
  };

  const poll = async () => {
    if (polling) return;
    polling = true;
    const began = performance.now();
    try {
      const response = await fetch(url, { headers: { "If-None-Match": `"${seen}"` }, cache: "no-store" });
      if (response.status === 401) return window.location.reload();
      if (!response.ok && response.status !== 304) throw new Error(`the counter answers ${response.status}`);
      const moved = response.status !== 304 && String((await response.json()).changes) !== seen;
      if (moved || Date.now() - fresh > OLDEST) await refresh();
      failures = 0;
      hint("");
    } catch {
      failures += 1;
      if (failures >= FAILURES) hint("Reconnecting…");
    } finally {
      took = performance.now() - began;
      polling = false;
      schedule();
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) schedule();
    else poll();
  });
  window.addEventListener("online", poll);
  schedule();
})();
