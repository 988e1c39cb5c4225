// A list that is filtered while one types says so in its address, which the live refresh and a reload go by.
document.addEventListener("htmx:after:swap", (event) => {
  const field = event.detail?.ctx?.sourceElement;
  if (!field?.matches?.("[data-filters]")) return;
  const address = new URL(window.location.href);
  address.search = new URLSearchParams(field.value ? { [field.name]: field.value } : {}).toString();
  window.history.replaceState(null, "", address);
});
