// Keep in the page's URL which teams are open, and fetch the content of one that was rendered closed.
(() => {
  const list = "#objectives-list";
  const openTeams = () =>
    [...document.querySelectorAll("details[data-team][open]")].map((one) => one.dataset.team).join(",");

  let known = openTeams();
  document.addEventListener(
    "toggle", // it does not bubble, and comes for teams that are open from the start too
    (event) => {
      const team = event.target;
      if (!team.matches?.("details[data-team]") || openTeams() === known) return;
      known = openTeams();
      const address = new URL(window.location.href);
      address.searchParams.set("open", known);
      window.history.replaceState(null, "", address);
      if (team.open && team.querySelector("[data-missing]"))
        window.htmx.ajax("GET", address.href, { target: list, select: list, swap: "outerMorph" });
    },
    true,
  );
})();
