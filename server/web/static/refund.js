// An order's page: the wallet that was paid (EIP-1193) signs the refund that the server made up, which the server sends.
const REJECTED = 4001;

async function told(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ? `${body.detail}.` : `The server answered ${answer.status}.`);
  return body;
}

async function refund(path, says) {
  if (!window.ethereum) throw new Error("This browser has no wallet: sign it by the command line.");
  const asked = await told(await fetch(path, { headers: { Accept: "application/json" } }));
  const [wallet] = await window.ethereum.request({ method: "eth_requestAccounts" });
  if (wallet?.toLowerCase() !== asked.wallet.toLowerCase()) throw new Error(`The wallet has to be ${asked.wallet}.`);
  says.textContent = "Waiting for the wallet's signature…";
  const signature = await window.ethereum.request({
    method: "eth_signTypedData_v4",
    params: [wallet, JSON.stringify(asked.document)],
  });
  await told(
    await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ value: asked.value, validBefore: asked.validBefore, signature }),
    }),
  );
  says.textContent = "Signed; it is on its way.";
}

// The page is drawn anew as the order moves, so it is the document that listens.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-refund]");
  if (!button) return;
  const says = button.parentElement.querySelector("[data-refund-says]");
  button.disabled = true;
  says.textContent = "Waiting for the wallet…";
  try {
    await refund(button.dataset.refund, says);
  } catch (error) {
    says.textContent = error.code === REJECTED ? "The wallet did not sign; nothing was sent." : error.message;
    button.disabled = false;
  }
});
