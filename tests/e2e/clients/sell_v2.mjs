// The official v2 server (@x402/hono), as its documentation shows it.
import { HTTPFacilitatorClient, x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware } from "@x402/hono";
import { facilitatorUrl, open, payTo, routes } from "./shop.mjs";

const network = "eip155:84532";
const facilitator = new HTTPFacilitatorClient({ url: facilitatorUrl });
const server = new x402ResourceServer(facilitator).register(network, new ExactEvmScheme());
const accepts = { scheme: "exact", price: "$0.007", network, payTo };

open(paymentMiddleware(routes({ accepts, description: "A report" }), server));
