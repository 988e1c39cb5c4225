// Put the filters of a list into the page's URL, so that the live refresh, a reload and a shared link keep them.
document.addEventListener("htmx:after:swap", (event) => {
  const source = event.detail?.ctx?.sourceElement;
  if (!source?.matches?.("[data-filters]")) return;
  const address = new URL(window.location.href);
  const fields = source.matches("form") ? [...new FormData(source)] : [[source.name, source.value]];
  address.search = new URLSearchParams(fields.filter(([, value]) => value !== "")).toString();
  window.history.replaceState(null, "", address);
});
