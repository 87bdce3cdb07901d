// The console while it is open: rows and counts as server-sent events tell them, an order's page read again.
const page = document.querySelector("[data-events]");
const live = document.querySelector("[data-live]");
const announce = document.querySelector("[data-announce]");
const rows = document.querySelector("[data-orders]");
const WORDS = { on: "live", lost: "connection lost, trying again", out: "ended: reload the page" };

function tell(state) {
  live.dataset.live = state === "out" ? "lost" : state;
  live.querySelector("[data-live-word]").textContent = WORDS[state];
}

function showRow(told) {
  const template = document.createElement("template");
  template.innerHTML = told.row; // rendered and escaped by the server, as in the page itself
  const row = template.content.querySelector("tr");
  const old = rows.querySelector(`tr[data-order="${CSS.escape(told.order)}"]`);
  if (old) old.replaceWith(row);
  else rows.prepend(row);
  row.classList.add("fresh");
  while (rows.children.length > Number(rows.dataset.most)) rows.lastElementChild.remove();
  document.querySelector("[data-empty]").hidden = true;
  announce.textContent = `${row.querySelector("th").textContent}: ${told.status}`;
}

let drawn = "";

function showPulse(told) {
  if (told.overview !== drawn) {
    document.querySelector("[data-overview]").innerHTML = drawn = told.overview; // rendered and escaped by the server
  }
  for (const [name, value] of Object.entries(told)) {
    const place = document.querySelector(`[data-pulse="${name}"]`);
    if (place) place.textContent = value || "not reached";
  }
  document.querySelector("[data-chain-dot]").className = `dot ${told.block ? "ok" : "bad"}`;
  document.querySelector("[data-jobs-dot]").className = `dot ${told.jobs === "0" ? "ok" : "wait"}`;
}

let reading = false;
let again = false;

async function readAgain() {
  again = true;
  if (reading) return;
  reading = true;
  try {
    while (again) {
      again = false;
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } finally {
    reading = false;
  }
}

function replaceParts(fresh) {
  const open = [...page.querySelectorAll("details[open]")].map((one) => one.id);
  for (const part of page.querySelectorAll("[data-part]")) {
    part.replaceWith(fresh.querySelector(`[data-part="${part.dataset.part}"]`));
  }
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  document.title = fresh.title;
}

const source = new EventSource(page.dataset.events);
source.addEventListener("open", () => tell("on"));
source.addEventListener("error", () => tell(source.readyState === EventSource.CLOSED ? "out" : "lost"));
source.addEventListener("pulse", (event) => showPulse(JSON.parse(event.data)));
source.addEventListener("order", (event) => (rows ? showRow(JSON.parse(event.data)) : readAgain()));
source.addEventListener("proof", () => document.getElementById("proof") || readAgain());
addEventListener("pagehide", () => source.close());
