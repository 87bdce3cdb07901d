// The legacy v1 client x402-axios.
import axios from "axios";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";
import { decodeXPaymentResponse, withPaymentInterceptor } from "x402-axios";
import { report, request, wish } from "./exchange.mjs";

const account = privateKeyToAccount(wish.key);
const wallet = createWalletClient({ account, chain: baseSepolia, transport: http(wish.rpc) });
const { body: data, ...rest } = request;

await report(async () => {
  const client = withPaymentInterceptor(axios.create(), wallet);
  const answer = await client.request({ url: wish.url, data, ...rest });
  const settlement = answer.headers["x-payment-response"];
  return {
    status: answer.status,
    body: new TextEncoder().encode(typeof answer.data === "string" ? answer.data : JSON.stringify(answer.data)),
    settlement: settlement && decodeXPaymentResponse(settlement),
  };
});
