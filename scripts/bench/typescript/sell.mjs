// A peer: the official SDK for TypeScript with its own facilitator inside. `node sell.mjs express|hono PORT`.
import { serve } from "@hono/node-server";
import { x402Facilitator } from "@x402/core/facilitator";
import { x402ResourceServer } from "@x402/core/server";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware as forExpress } from "@x402/express";
import { paymentMiddleware as forHono } from "@x402/hono";
import express from "express";
import { Hono } from "hono";
import { createWalletClient, defineChain, http, publicActions } from "viem";
import { nonceManager, privateKeyToAccount } from "viem/accounts";

const BODY = { symbol: "DEMO-TREND", signal: "buy", source: "a constant" };
/** Milliseconds between two looks for a mined transaction; as the package comes it looks every four seconds. */
const LOOK = 10;
const [framework, port] = process.argv.slice(2);
const terms = JSON.parse(process.env.BENCH_TERMS);

/** Settles with a key of its own, and counts that key's nonces itself. */
function facilitator() {
  const chain = defineChain({
    id: Number(terms.network.split(":")[1]),
    name: "devnet",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [terms.rpc] } },
  });
  const account = privateKeyToAccount(terms.key, { nonceManager });
  const wallet = createWalletClient({ account, chain, transport: http(), pollingInterval: LOOK });
  const signer = toFacilitatorEvmSigner({ ...wallet.extend(publicActions), address: account.address });
  return registerExactEvmScheme(new x402Facilitator(), { signer, networks: terms.network });
}

/** As a client of a facilitator that is in the same process. */
function inside(made) {
  return {
    verify: (payload, requirements) => made.verify(payload, requirements),
    settle: (payload, requirements) => made.settle(payload, requirements),
    getSupported: async () => made.getSupported(),
  };
}

const server = new x402ResourceServer(inside(facilitator())).register(terms.network, new ExactEvmScheme());
const price = {
  amount: String(terms.amount),
  asset: terms.asset,
  extra: { name: terms.asset_name, version: terms.asset_version },
};
const routes = {
  [`GET ${terms.path}`]: {
    accepts: { scheme: "exact", price, network: terms.network, payTo: terms.pay_to },
    description: "Moving averages, RSI, volatility, drawdown and a signal by a stated rule, on a demonstration series.",
    mimeType: "application/json",
  },
};
const frameworks = {
  express() {
    const app = express();
    app.use(forExpress(routes, server));
    app.get(terms.path, (_, response) => response.json(BODY));
    app.listen(Number(port), "127.0.0.1");
  },
  hono() {
    const app = new Hono();
    app.use(forHono(routes, server));
    app.get(terms.path, (context) => context.json(BODY));
    serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
  },
};
frameworks[framework]();
