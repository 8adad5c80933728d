// JSON without loss: integers beyond 2^53 become BigInt, where JSON.parse would round them.

const long_digits = /\d{16,}/;
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const mark = "\u0001integer:";

/** Parses a JSON text. Throws SyntaxError like JSON.parse. */
export function parse(text) {
  if (!long_digits.test(text)) return JSON.parse(text);
  const guarded = text.replace(tokens, (token) => {
    if (token[0] === '"' || /[.eE]/.test(token)) return token;
    return Number.isSafeInteger(Number(token)) ? token : JSON.stringify(mark + token);
  });
  return JSON.parse(guarded, (_, value) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** True for arrays and objects. */
export function is_container(value) {
  return value !== null && typeof value === "object";
}

/** One scalar as JSON text. */
export function scalar(value) {
  return typeof value === "bigint" ? value.toString() : (JSON.stringify(value) ?? "null");
}

/** Prints a value; `indent` 0 gives one line. Keeps BigInt digits. */
export function print(value, indent = 0, depth = 0) {
  if (!is_container(value)) return scalar(value);
  const list = Array.isArray(value);
  const rows = list
    ? value.map((item) => print(item, indent, depth + 1))
    : Object.entries(value).map(
        ([key, item]) =>
          `${JSON.stringify(key)}:${indent ? " " : ""}${print(item, indent, depth + 1)}`,
      );
  const [open, close] = list ? "[]" : "{}";
  if (rows.length === 0) return open + close;
  if (!indent) return open + rows.join(",") + close;
  const pad = (n) => "\n" + " ".repeat(indent * n);
  return open + pad(depth + 1) + rows.join("," + pad(depth + 1)) + pad(depth) + close;
}
