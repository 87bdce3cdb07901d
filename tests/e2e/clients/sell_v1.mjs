// The legacy v1 server x402-hono: its terms stand in the 402's body, and it knows networks by fixed names.
import { paymentMiddleware } from "x402-hono";
import { facilitatorUrl, open, payTo, routes } from "./shop.mjs";

const offer = { price: "$0.007", network: "base-sepolia", config: { description: "A report" } };

open(paymentMiddleware(payTo, routes(offer), { url: facilitatorUrl }));
