// Filter a list of choices by the typed words. The list may be loaded after this script, hence the delegated listener.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.narrows && document.querySelector(event.target.dataset.narrows);
  if (!list) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of list.children) one.hidden = !words.every((word) => one.dataset.words.includes(word));
  const nothing = [...list.children].every((one) => one.hidden);
  const note = document.getElementById(`${list.id}-nothing`);
  if (note) note.textContent = nothing ? `Nothing here matches “${event.target.value.trim()}”.` : "";
});
