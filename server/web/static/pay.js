// The payment page: the browser's wallet signs what the terms ask for, and the same request is sent again with that.
const panel = document.querySelector("[data-required]");
const button = document.querySelector("[data-pay]");
const told = document.querySelector("[data-told]");
const renew = document.querySelector("[data-renew]");
const TYPES = {
  EIP712Domain: typed("name string", "version string", "chainId uint256", "verifyingContract address"),
  TransferWithAuthorization: typed(
    "from address", "to address", "value uint256", "validAfter uint256", "validBefore uint256", "nonce bytes32",
  ),
};
const REFUSED = 4001; // EIP-1193: by the person
const BUSY = -32002; // EIP-1474: a question is open
const UNKNOWN_CHAIN = 4902; // EIP-3326
const NOTHING = "Nothing was signed and nothing was paid.";
const TRIES = 30; // for an answer that is still being made
const place = `paddock payment ${location.pathname}${location.search}`;

class Told extends Error {}

function typed(...fields) {
  return fields.map((field) => field.split(" ")).map(([name, type]) => ({ name, type }));
}

function decode(header) {
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), (one) => one.charCodeAt(0))));
}

function encode(message) {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
}

// What was signed and not answered outlives a reload: it is sent again as it is, and nothing is signed a second time.
let held = remembered();

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(place));
  } catch {
    return null;
  }
}

function hold(payment) {
  held = payment;
  try {
    if (payment) sessionStorage.setItem(place, JSON.stringify(payment));
    else sessionStorage.removeItem(place);
  } catch {
    // a browser that keeps nothing: then a reload forgets
  }
}

function tell(words, state = "") {
  told.textContent = words;
  told.dataset.state = state;
}

async function ask(wallet, method, params = []) {
  try {
    return await wallet.request({ method, params });
  } catch (error) {
    if (error?.code === REFUSED) throw new Told("You refused in the wallet. Nothing was sent, and nothing was paid.");
    if (error?.code === BUSY) throw new Told("The wallet has a question open: answer it there, then press again.");
    throw error;
  }
}

async function switchTo(wallet, network) {
  const wanted = Number(network.split(":")[1]);
  const here = async () => Number(await ask(wallet, "eth_chainId"));
  if ((await here()) === wanted) return wanted;
  tell(`Your wallet is on another network. Let it switch to ${network}.`);
  try {
    await ask(wallet, "wallet_switchEthereumChain", [{ chainId: `0x${wanted.toString(16)}` }]);
  } catch (error) {
    if (error instanceof Told) throw error;
    const does = error?.code === UNKNOWN_CHAIN ? "does not know" : "did not switch to";
    throw new Told(`The wallet ${does} ${network}. Add or choose it there, then press again. ${NOTHING}`);
  }
  if ((await here()) !== wanted) throw new Told(`The wallet is not on ${network}. ${NOTHING}`);
  return wanted;
}

async function sign(terms, required, now) {
  const wallet = window.ethereum;
  if (!wallet?.request) throw new Told("There is no wallet in this browser. Install one, or pay by an agent.");
  tell("Choose an account in your wallet.");
  const [payer] = await ask(wallet, "eth_requestAccounts");
  if (!payer) throw new Told("The wallet gave no account. Nothing was paid.");
  const chainId = await switchTo(wallet, terms.network);
  const nonce = Array.from(crypto.getRandomValues(new Uint8Array(32)), (one) => one.toString(16).padStart(2, "0"));
  const authorization = {
    from: payer,
    to: terms.payTo,
    value: terms.amount,
    validAfter: "0",
    validBefore: String(Math.floor(now() / 1000) + terms.maxTimeoutSeconds),
    nonce: `0x${nonce.join("")}`,
  };
  const domain = { name: terms.extra.name, version: terms.extra.version, chainId, verifyingContract: terms.asset };
  const asked = { types: TYPES, domain, primaryType: "TransferWithAuthorization", message: authorization };
  tell("Sign the payment in your wallet. It shows the amount and the recipient.");
  const signature = await ask(wallet, "eth_signTypedData_v4", [payer, JSON.stringify(asked)]);
  const payload = { signature, authorization };
  return encode({ x402Version: 2, resource: required.resource, accepted: terms, payload });
}

async function send() {
  tell("Signed. Waiting for the settlement and the answer.");
  const url = new URL(location.href);
  url.hash = "";
  const headers = { Accept: "*/*", "PAYMENT-SIGNATURE": held.header };
  for (let tries = 0; tries < TRIES; tries += 1) {
    let answer;
    try {
      answer = await fetch(url, { headers, cache: "no-store", credentials: "omit", redirect: "error" });
      if (answer.status === 200) return await delivered(answer);
    } catch {
      throw new Told("No answer came. Ask for it again: the same payment is sent, so nothing is paid twice.");
    }
    if (answer.status !== 202) await refused(answer);
    tell("The payment is there; the contract call is under way.");
    await new Promise((wake) => setTimeout(wake, 1000 * Number(answer.headers.get("Retry-After") ?? 2)));
  }
  throw new Told("It is still under way. Ask again later: the same payment is sent, so nothing is paid twice.");
}

async function refused(answer) {
  const header = answer.headers.get("PAYMENT-REQUIRED");
  if (answer.status === 402 && header) {
    hold(null);
    throw new Told(`The payment was refused: ${decode(header).error}. Nothing was charged.`);
  }
  const problem = await answer.json().catch(() => ({}));
  const over = answer.status < 500 && ![409, 429].includes(answer.status);
  if (over || problem.type?.endsWith("/already-delivered")) hold(null);
  const words = [problem.title ?? `The answer was ${answer.status}`, problem.detail, problem.action];
  throw new Told(words.filter(Boolean).join(". "));
}

async function delivered(answer) {
  const [body, header] = [await answer.blob(), answer.headers.get("PAYMENT-RESPONSE")];
  const section = document.querySelector("[data-answer]");
  section.querySelector("[data-shown]").replaceChildren(await shown(body));
  const save = section.querySelector("[data-save]");
  save.href = URL.createObjectURL(body);
  save.download = location.pathname.split("/").pop();
  if (header) {
    const receipt = decode(header);
    section.querySelector("[data-transaction]").textContent = receipt.transaction || "none: nothing was charged";
    const file = new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" });
    section.querySelector("[data-receipt]").href = URL.createObjectURL(file);
  }
  const order = section.querySelector("[data-order]");
  order.href = held.order;
  order.textContent = held.order.split("/").pop();
  section.hidden = false;
  section.querySelector("h2").focus();
}

// An answer is never run: HTML is shown as its text, and an image as an image, which has no script.
async function shown(body) {
  const type = body.type.split(";")[0];
  if (type.startsWith("image/")) {
    const image = new Image();
    image.alt = "The answer, an image";
    image.className = "bought";
    image.src = URL.createObjectURL(body);
    return image;
  }
  if (!type.startsWith("text/") && !/^application\/(.+\+)?json$/.test(type)) {
    const line = document.createElement("p");
    line.textContent = `A file of type ${type || "application/octet-stream"}, ${body.size.toLocaleString("en")} bytes.`;
    return line;
  }
  const frame = document.createElement("div");
  const text = document.createElement("pre");
  frame.className = "code wraps";
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", "The answer");
  text.textContent = type.startsWith("text/") ? await body.text() : pretty(await body.text());
  frame.append(text);
  return frame;
}

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function start(required) {
  const ahead = 1000 * Number(panel.dataset.now) - Date.now(); // the server's clock decides what is fresh
  const now = () => Date.now() + ahead;
  const left = (terms) => Math.ceil(Number(terms.extra.expiresAt) - now() / 1000);
  let busy = false;
  let done = false;

  function chosen() {
    const wanted = panel.querySelector("[name=way]:checked")?.value ?? panel.querySelector("[data-way]").dataset.way;
    return required.accepts[Number(wanted)];
  }

  async function buy() {
    if (!held) {
      const terms = chosen();
      if (left(terms) <= 0) throw new Told(`These terms have expired. ${NOTHING}`);
      const header = await sign(terms, required, now);
      if (left(terms) <= 0) throw new Told("These terms expired while the wallet was open. Nothing was sent or paid.");
      hold({ header, order: new URL(terms.extra.statusUrl).pathname });
    }
    await send();
    hold(null);
    done = true;
    panel.dataset.paid = "";
  }

  function why(error) {
    if (error instanceof Told) return error.message;
    if (held) return "This page failed. Ask again: the same payment is sent, so nothing is paid twice.";
    return `The wallet said: ${error?.message ?? error}. Nothing was sent and nothing was paid.`;
  }

  button.addEventListener("click", async () => {
    if (busy) return; // a second click pays nothing
    busy = button.disabled = true;
    try {
      await buy();
      tell("Paid and delivered.", "good");
    } catch (error) {
      tell(why(error), "bad");
    }
    busy = button.disabled = false;
    draw();
  });

  function draw() {
    const terms = chosen();
    const seconds = left(terms);
    for (const facts of panel.querySelectorAll("[data-way]")) {
      facts.hidden = required.accepts[Number(facts.dataset.way)] !== terms;
    }
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    panel.querySelector("[data-expires]").textContent = seconds > 0 ? `for ${clock}` : "expired";
    const over = seconds <= 0 && !held && !busy;
    if (over && !told.textContent) tell("These terms have expired. Nothing was paid.", "bad");
    button.textContent = held && !busy ? "Ask again with the same payment" : "Connect wallet and pay";
    button.hidden = done || over;
    renew.hidden = busy || Boolean(held) || !(done || over || told.dataset.state === "bad");
    renew.firstElementChild.textContent = done ? "Buy it again" : "Ask for new terms";
  }

  if (held) tell("A payment for this was signed, and its answer did not arrive. Ask again: nothing is paid twice.");
  panel.querySelector(".ways")?.removeAttribute("hidden");
  panel.addEventListener("change", draw);
  setInterval(draw, 1000);
  draw();
}

if (panel && button) start(decode(panel.dataset.required));
