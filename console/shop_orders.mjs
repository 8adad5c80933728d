// Seeds the shop through its public API, as a customer would.

import { randomUUID } from "node:crypto";

/** A name that would run if anything on the way to the screen took it for HTML. */
export const hostile_customer = "<img src=x onerror=document.title='owned'>";

async function post(api, path, body) {
  const response = await fetch(api + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": randomUUID() },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${text}`);
  return text;
}

/** Stock for the orders to come; the first write to an empty store. */
export async function restock(api) {
  for (const sku of ["tea", "cup"]) {
    await post(api, `/api/v1/inventory/${sku}/restock`, { quantity: 1000 });
  }
}

/** How the fake payment provider behaves; a call fails before or after the money moved. */
export function set_provider(api, failure_rate) {
  return post(api, "/sim/payments", { decline_rate: 0, failure_rate, latency: 1000 });
}

/** Places one order and returns the shop's answer. */
export function place_order(api, customer = "ada") {
  return post(api, "/api/v1/orders", {
    customer,
    lines: [
      { sku: "tea", quantity: 2, price: 450 },
      { sku: "cup", quantity: 1, price: 1200 },
    ],
  });
}
