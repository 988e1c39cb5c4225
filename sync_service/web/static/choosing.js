// A list of choices that shows only those with all the words that were typed. The list may come later than this.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.narrows && document.querySelector(event.target.dataset.narrows);
  if (!list) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of list.children) one.hidden = !words.every((word) => one.dataset.words.includes(word));
});
