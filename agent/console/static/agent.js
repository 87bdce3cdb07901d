// The console while it is open: parts that are read again when something changed, countdowns, and the wallet's signature.
const live = document.querySelector("[data-live]");
const WORDS = { on: "live", lost: "connection lost, trying again", over: "ended: come in by a new link" };
const SETTLE = 700;

function tell(state) {
  live.dataset.live = state === "over" ? "lost" : state;
  live.querySelector("[data-live-word]").textContent = WORDS[state];
}

// ---- parts

function bare(part) {
  const copy = part.cloneNode(true);
  for (const one of copy.querySelectorAll("[data-until], [data-wallet-says]")) one.textContent = "";
  for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
  return copy.innerHTML;
}

function isWrittenIn(part) {
  const focused = document.activeElement;
  return part.contains(focused) && focused.matches("input, select") && focused.value !== (focused.defaultValue ?? "");
}

function replaceParts(fresh) {
  offerWallet(fresh);
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!next || isWrittenIn(part) || bare(next) === bare(part)) continue;
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceWith(document.adoptNode(next));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus();
    settle();
  }
  count();
}

// What was just moved must not be pressed by a finger that was on its way to something else.
let settled = 0;
function settle() {
  document.body.classList.add("settling");
  clearTimeout(settled);
  settled = setTimeout(() => document.body.classList.remove("settling"), SETTLE);
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
      const answer = await fetch(location.href, { headers: { "Paddock-Live": "1" } });
      if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } finally {
    reading = false;
  }
}

// ---- events: only while the page is looked at

let source = null;

function listen() {
  if (source || document.hidden) return;
  source = new EventSource("/events");
  source.addEventListener("open", () => tell("on"));
  source.addEventListener("changed", readAgain);
  source.addEventListener("error", () => tell(source?.readyState === EventSource.CLOSED ? "over" : "lost"));
  source.addEventListener("over", () => {
    unlisten();
    tell("over");
  });
}

function unlisten() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return unlisten();
  listen();
  readAgain();
});
addEventListener("pagehide", unlisten);

// ---- countdowns

function count() {
  for (const one of document.querySelectorAll("[data-until]")) {
    const seconds = Math.max(0, Math.floor((Date.parse(one.dataset.until) - Date.now()) / 1000));
    const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
    one.textContent = seconds ? [Math.floor(seconds / 3600), ...parts].join(":") : "no time";
  }
}

// ---- the person's own wallet (EIP-1193): it shows the terms and signs them; this page never sees a key

function offerWallet(root) {
  if (!window.ethereum) return;
  for (const form of root.querySelectorAll("form[data-typed]")) form.hidden = false;
}

async function signed(form, typed) {
  const accounts = await window.ethereum.request({ method: "eth_requestAccounts" });
  const approver = form.dataset.approver;
  if (!accounts.some((one) => one.toLowerCase() === approver.toLowerCase())) {
    throw new Error(`Choose ${approver} in your wallet: only that account may approve.`);
  }
  const chain = `0x${Number(JSON.parse(typed).domain.chainId).toString(16)}`;
  if ((await window.ethereum.request({ method: "eth_chainId" })) !== chain) {
    await window.ethereum.request({ method: "wallet_switchEthereumChain", params: [{ chainId: chain }] });
  }
  const signature = await window.ethereum.request({ method: "eth_signTypedData_v4", params: [approver, typed] });
  const recovery = parseInt(signature.slice(-2), 16);
  return recovery < 27 ? signature.slice(0, -2) + (recovery + 27).toString(16) : signature;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (document.body.classList.contains("settling") && form.closest(".question")) return event.preventDefault();
  if (!form.dataset.typed) return;
  event.preventDefault();
  const says = form.closest(".question").querySelector("[data-wallet-says]");
  try {
    form.elements.signature.value = await signed(form, form.dataset.typed);
    if (form.dataset.standing) form.elements.standing.value = await signed(form, form.dataset.standing);
    form.submit();
  } catch (error) {
    says.hidden = false;
    says.textContent = error.message || "The wallet did not sign.";
  }
});

offerWallet(document);
count();
setInterval(count, 1000);
listen();
