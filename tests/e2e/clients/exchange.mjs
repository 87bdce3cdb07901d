// What the test asks for on standard input, and what came of it on standard output: JSON both.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** {url, method?, body?, key, rpc?, allowedAssets?, entry?: {scheme?, asset?, transferMethod?}}; see node_clients.py. */
export const wish = JSON.parse(readFileSync(0, "utf8"));

export const request = {
  method: wish.method ?? "GET",
  ...(wish.body && { body: JSON.stringify(wish.body), headers: { "Content-Type": "application/json" } }),
};

/** Buys by `buy`, which gives {status, body (bytes), settlement (decoded, if any)}, and tells the test. */
export async function report(buy) {
  let outcome;
  try {
    const { status, body, settlement } = await buy();
    const sha256 = createHash("sha256").update(body).digest("hex");
    outcome = { status, sha256, text: new TextDecoder().decode(body), settlement: settlement ?? null };
  } catch (error) {
    outcome = { refused: error.message };
  }
  process.stdout.write(JSON.stringify(outcome));
}
