// The door of the console: a wallet of the browser (EIP-1193) signs the server's message, which the server checks.
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

async function signIn() {
  const [wallet] = await window.ethereum.request({ method: "eth_requestAccounts" });
  if (!wallet) throw new Error("The wallet named no account.");
  const { message } = await ask(button.dataset.challenge, { wallet });
  says.textContent = "Waiting for the wallet's signature…";
  const signature = await window.ethereum.request({ method: "personal_sign", params: [hex(message), wallet] });
  await ask(button.dataset.signIn, { message, signature });
  location.assign(button.dataset.console);
}

button.hidden = false;
button.addEventListener("click", async () => {
  if (!window.ethereum) {
    says.textContent = "This browser has no wallet: install one, or sign in by the command line.";
    return;
  }
  button.disabled = true;
  says.textContent = "Waiting for the wallet…";
  try {
    await signIn();
  } catch (error) {
    says.textContent = error.code === REJECTED ? "The wallet did not sign; nothing was sent." : error.message;
  } finally {
    button.disabled = false;
  }
});
