// Put the filter of a list into the page's URL, so that the live refresh and a reload keep it.
document.addEventListener("htmx:after:swap", (event) => {
  const field = event.detail?.ctx?.sourceElement;
  if (!field?.matches?.("[data-filters]")) return;
  const address = new URL(window.location.href);
  address.search = new URLSearchParams(field.value ? { [field.name]: field.value } : {}).toString();
  window.history.replaceState(null, "", address);
});
