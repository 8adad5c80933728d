// Paths into a state document. The admin API writes "$.lines[0].quantity"; a JSON pointer
// ("/lines/0/quantity") is read as well, so that keys with dots can be named exactly.

/** Splits a path into its steps, all of them strings. */
export function parse_path(text) {
  if (text.startsWith("/")) {
    return text
      .slice(1)
      .split("/")
      .map((s) => s.replace(/~1/g, "/").replace(/~0/g, "~"));
  }
  const steps = [];
  const step = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g;
  const body = text.startsWith("$") ? text.slice(1) : text;
  for (const [, index, quoted, name] of body.matchAll(step)) {
    steps.push(index ?? (quoted === undefined ? name : JSON.parse(`"${quoted}"`)));
  }
  return steps;
}

/** A key that is equal for equal paths, however they were written. */
export function path_key(steps) {
  return JSON.stringify(steps);
}

/** Changes by path key, and the keys of every container above a change. */
export function index_changes(changed) {
  const at = new Map();
  const above = new Set();
  for (const change of changed ?? []) {
    const steps = parse_path(change.path);
    at.set(path_key(steps), change);
    for (let n = 0; n < steps.length; ++n) above.add(path_key(steps.slice(0, n)));
  }
  return { at, above };
}
