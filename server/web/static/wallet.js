// The door of the console: a wallet of the browser (EIP-1193) signs the server's message, which the server checks; or
// that it is to be paid here from now on (EIP-712), which makes its owner a merchant.
const button = document.querySelector("[data-sign-in]");
const says = document.querySelector("[data-wallet-says]");
const REJECTED = 4001;

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail ? `${told.detail}.` : `The server answered ${answer.status}.`);
  return told;
}

function hex(text) {
  return `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function account() {
  const [wallet] = await window.ethereum.request({ method: "eth_requestAccounts" });
  if (!wallet) throw new Error("The wallet named no account.");
  return wallet;
}

async function signIn() {
  const wallet = await account();
  const { message } = await ask(button.dataset.challenge, { wallet });
  says.textContent = "Waiting for the wallet's signature…";
  const signature = await window.ethereum.request({ method: "personal_sign", params: [hex(message), wallet] });
  await ask(button.dataset.signIn, { message, signature });
  location.assign(button.dataset.console);
}

const JOINING = {
  EIP712Domain: [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
  ],
  MerchantJoins: [
    { name: "merchant", type: "string" },
    { name: "name", type: "string" },
    { name: "payTo", type: "address" },
    { name: "origin", type: "string" },
    { name: "issuedAt", type: "uint256" },
  ],
};

async function join(form) {
  const payTo = await account();
  const { chain, origin } = form.dataset;
  const given = new FormData(form);
  const said = { merchant: given.get("merchant"), name: given.get("name"), payTo, issuedAt: Math.floor(Date.now() / 1000) };
  const domain = { name: "Paddock merchant", version: "1", chainId: Number(chain) };
  const asked = { types: JOINING, domain, primaryType: "MerchantJoins", message: { ...said, origin } };
  says.textContent = "Waiting for the wallet's signature: from now on it is paid here…";
  const signature = await window.ethereum.request({
    method: "eth_signTypedData_v4",
    params: [payTo, JSON.stringify(asked)],
  });
  const made = await ask(form.dataset.join, { ...said, signature });
  document.querySelector("[data-key]").textContent = made.api_key;
  document.querySelector("[data-secret]").textContent = made.api_secret;
  document.querySelector("[data-joined]").hidden = false;
  form.hidden = true;
  says.textContent = "Keep the two below, then sign in.";
}

async function withWallet(pressed, act) {
  if (!window.ethereum) {
    says.textContent = "This browser has no wallet: install one, or sign in by the command line.";
    return;
  }
  pressed.disabled = true;
  says.textContent = "Waiting for the wallet…";
  try {
    await act();
  } catch (error) {
    says.textContent = error.code === REJECTED ? "The wallet did not sign; nothing was sent." : error.message;
  } finally {
    pressed.disabled = false;
  }
}

button.hidden = false;
button.addEventListener("click", () => withWallet(button, signIn));
const joining = document.querySelector("[data-join]");
if (joining) {
  joining.hidden = false;
  joining.addEventListener("submit", (event) => {
    event.preventDefault();
    withWallet(joining.querySelector("button"), () => join(joining));
  });
}
