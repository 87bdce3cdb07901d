// What every page can do beyond being read: copy, filter while typing, and ages that grow.
document.documentElement.classList.add("js");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    copyBySelection(button.dataset.copy); // a page over plain HTTP from another machine has no clipboard
  }
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1400);
});

function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

const box = document.querySelector("#q");
const cards = document.querySelectorAll("[data-cards] > li");
if (box && cards.length) {
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      card.hidden = !words.every((word) => card.dataset.text.includes(word));
      shown += card.hidden ? 0 : 1;
    }
    document.querySelector("[data-count]").textContent = `${shown < cards.length ? `${shown} of ` : ""}${cards.length} services`;
    document.querySelector("[data-empty]").hidden = shown > 0;
    const url = new URL(location.href);
    if (box.value) url.searchParams.set("q", box.value);
    else url.searchParams.delete("q");
    history.replaceState(null, "", url);
  });
}

const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];

function age(seconds) {
  const [unit, size] = UNITS.find(([, one]) => seconds >= one) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time.age")) {
    time.textContent = age(Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000));
  }
}, 1000);
