// Reading the admin API. Read-only by construction: there is no function that posts.

import { parse } from "./exact_json.mjs";

/** Why a read failed. `kind`: "unreachable", "timeout", "garbled" or "problem" (a refusal). */
export class api_error extends Error {
  constructor(kind, message, { status = 0, code = "", detail = "" } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

/** GETs JSON; gives up after `timeout` ms. `signal` ends it earlier, with an AbortError. */
export async function get(path, { signal, timeout = 5000 } = {}) {
  const limit = AbortSignal.timeout(timeout);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  let response, text;
  try {
    response = await fetch(path, {
      signal: either,
      headers: { Accept: "application/json" },
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw new DOMException("left the page", "AbortError");
    if (limit.aborted)
      throw new api_error("timeout", `No answer to ${path} within ${timeout / 1000} s`);
    throw new api_error("unreachable", `No connection for ${path}`, {
      detail: String(error.message),
    });
  }
  return read_body(path, response, text);
}

function read_body(path, response, text) {
  let body;
  try {
    body = parse(text);
  } catch {
    throw new api_error(
      "garbled",
      `${path} answered ${response.status} with something else than JSON`,
      { status: response.status },
    );
  }
  if (response.ok) return body;
  throw new api_error("problem", body.title ?? `${path} answered ${response.status}`, {
    status: response.status,
    code: body.code ?? "",
    detail: body.detail ?? "",
  });
}

/** A path of the admin API with its query; empty values are left out. */
export function admin_path(steps, query = {}) {
  const kept = Object.entries(query).filter(([, v]) => v !== "" && v !== null && v !== undefined);
  const search = new URLSearchParams(kept).toString();
  return `/admin/v1/${steps.map(encodeURIComponent).join("/")}${search ? "?" + search : ""}`;
}

export const read = (steps, query, options) => get(admin_path(steps, query), options);

/** True for the error that only says that the page was left. */
export const is_left = (error) => error?.name === "AbortError";
