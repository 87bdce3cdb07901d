// What every page can do beyond being read: copy, search while typing, and ages that grow.
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
let asked = 0;

async function search() {
  const url = new URL(location.href);
  url.search = box.value ? new URLSearchParams({ q: box.value }) : "";
  const turn = ++asked;
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok || turn !== asked) return; // a later question is on its way
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (turn !== asked) return;
  document.querySelector("[data-found]").replaceWith(fresh.querySelector("[data-found]"));
  history.replaceState(null, "", url);
}

if (document.querySelector("[data-found]")) {
  let waiting;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    box.focus();
    box.select();
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
