// The legacy v1 client x402-fetch: it reads the 402's body and knows networks by fixed names.
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";
import { decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";
import { report, request, wish } from "./exchange.mjs";

const account = privateKeyToAccount(wish.key);
const wallet = createWalletClient({ account, chain: baseSepolia, transport: http(wish.rpc) });

await report(async () => {
  const answer = await wrapFetchWithPayment(fetch, wallet)(wish.url, request);
  const settlement = answer.headers.get("X-PAYMENT-RESPONSE");
  return {
    status: answer.status,
    body: new Uint8Array(await answer.arrayBuffer()),
    settlement: settlement && decodeXPaymentResponse(settlement),
  };
});
