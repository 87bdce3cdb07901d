// The official v2 client (@x402/fetch), as its documentation shows it: exact by EIP-3009 or Permit2, and upto.
import { toClientEvmSigner } from "@x402/evm";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { UptoEvmScheme } from "@x402/evm/upto/client";
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { createPublicClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { report, request, wish } from "./exchange.mjs";

const account = privateKeyToAccount(wish.key);
const chain = wish.rpc && createPublicClient({ transport: http(wish.rpc) });
const signer = chain ? toClientEvmSigner(account, chain) : account;
const options = wish.rpc && { rpcUrl: wish.rpc };

const client = new x402Client()
  .register("eip155:*", new ExactEvmScheme(signer, options))
  .register("eip155:*", new UptoEvmScheme(signer, options));
if (wish.allowedAssets) client.setSpendControls({ allowedAssets: wish.allowedAssets });
if (wish.entry) client.registerPolicy((_version, accepts) => accepts.filter(isAskedFor));

/** Whether an entry of `accepts` is the one that the test wants paid. */
function isAskedFor({ scheme, asset, extra }) {
  const method = extra?.assetTransferMethod ?? (scheme === "upto" ? "permit2" : "eip3009");
  const wanted = { scheme, asset, transferMethod: method, ...wish.entry };
  return wanted.scheme === scheme && wanted.transferMethod === method && wanted.asset.toLowerCase() === asset.toLowerCase();
}

await report(async () => {
  const answer = await wrapFetchWithPayment(fetch, client)(wish.url, request);
  const settlement = answer.headers.get("PAYMENT-RESPONSE");
  return {
    status: answer.status,
    body: new Uint8Array(await answer.arrayBuffer()),
    settlement: settlement && decodePaymentResponseHeader(settlement),
  };
});
