// Addresses: "#/page/id?key=value". Pure but for `replace_query`.

/** "#/stream/order-1?v=3" → {page: "stream", id: "order-1", query: Map{v → "3"}}. */
export function parse_hash(hash) {
  const [path, search = ""] = split_once(hash.replace(/^#?\/?/, ""), "?");
  const [page, id = ""] = split_once(path, "/");
  return { page: page || "overview", id: decode(id), query: new Map(new URLSearchParams(search)) };
}

/** The inverse of `parse_hash`; empty query values are left out. */
export function make_hash(page, id = "", query = {}) {
  const kept = Object.entries(query).filter(([, v]) => v !== "" && v !== null && v !== undefined);
  const search = new URLSearchParams(kept).toString();
  return `#/${page}${id ? "/" + encodeURIComponent(id) : ""}${search ? "?" + search : ""}`;
}

export const stream_hash = (stream, version) => make_hash("stream", stream, { v: version });
export const saga_hash = (stream) => make_hash("saga", stream);
export const letter_hash = (effect) => make_hash("dead-letters", effect);

/** The console address inside a link of the API, or null: the API never sends us elsewhere. */
export function inner_link(link) {
  const at = typeof link === "string" ? link.indexOf("#/") : -1;
  return at < 0 ? null : link.slice(at);
}

/** Writes the page's own settings into the address without opening the page again. */
export function replace_query(query) {
  const { page, id } = parse_hash(location.hash);
  history.replaceState(null, "", make_hash(page, id, query));
}

function split_once(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a hand-typed "%" is not an escape
  }
}
