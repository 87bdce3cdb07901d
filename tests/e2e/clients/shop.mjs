// What the official servers sell, each as its own process: PORT FACILITATOR-URL PAY-TO. A line for every request.
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const [port, facilitatorUrl, payTo] = process.argv.slice(2);
export { facilitatorUrl, payTo };

/** Every route at the same price in the dollar that the packages know by heart: `offer` says what that is to them. */
export const routes = (offer) => Object.fromEntries(["GET /report", "POST /report", "GET /broken"].map((route) => [route, offer]));

/** Serves until the process ends; `askPayment` is the package's middleware. */
export function open(askPayment) {
  const app = new Hono();
  app.use((c, next) => (console.log(`asked ${c.req.method} ${c.req.path}`), next()));
  app.use(askPayment);
  app.get("/report", (c) => c.json({ report: "sold by an official server" }));
  app.post("/report", async (c) => c.json(await c.req.json()));
  app.get("/broken", (c) => c.json({ error: "out of order" }, 500));
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
}
