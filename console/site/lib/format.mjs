// Numbers, durations and times as text. Pure: "now" and the zone are arguments.

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
export const nothing = "–";

const missing = (n) => n === null || n === undefined || (typeof n === "number" && Number.isNaN(n));

/** 1234567 → "1,234,567"; takes BigInt too. */
export function number(n) {
  return missing(n) ? nothing : grouped.format(n);
}

/** A per-second figure: one decimal below ten, none above. */
export function rate(n) {
  if (missing(n)) return nothing;
  return n > 0 && n < 10 ? n.toFixed(1) : grouped.format(n);
}

/** Milliseconds with three significant digits at most: "0.42 ms", "12.3 ms", "1.25 s". */
export function millis(n) {
  if (missing(n)) return nothing;
  if (n >= 1000) return `${(n / 1000).toFixed(n < 10000 ? 2 : 1)} s`;
  return `${n === 0 ? 0 : n < 1 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0)} ms`;
}

/** Seconds in the two largest units that matter: "40 ms", "2 m 05 s", "3 h 12 m", "5 d 2 h". */
export function duration(seconds) {
  if (missing(seconds)) return nothing;
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds > 0 && seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10 && seconds % 1 !== 0) return `${seconds.toFixed(1)} s`;
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

/** Bytes in binary units: "512 B", "1.5 MiB". */
export function bytes(n) {
  if (missing(n)) return nothing;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; ++unit) n /= 1024;
  return `${unit === 0 || n >= 100 ? n.toFixed(0) : n.toFixed(1)} ${units[unit]}`;
}

function parts(iso, zone) {
  const at = new Date(iso ?? NaN); // null would be the year 1970
  if (Number.isNaN(at.getTime())) return null;
  const shifted = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60000);
  const text = shifted.toISOString();
  return { at, day: text.slice(0, 10), clock: text.slice(11, 23) };
}

/** "12:20:57.123" in the zone "utc" or "local"; an unreadable time is shown as it came. */
export function clock(iso, zone) {
  return parts(iso, zone)?.clock ?? String(iso ?? nothing);
}

/** "2025-11-21 12:20:57.123 UTC", or with the offset of the local zone. */
export function stamp(iso, zone) {
  const read = parts(iso, zone);
  if (!read) return String(iso ?? nothing);
  return `${read.day} ${read.clock} ${zone === "utc" ? "UTC" : offset(read.at)}`;
}

function offset(at) {
  const minutes = -at.getTimezoneOffset();
  const two = (n) => String(Math.floor(Math.abs(n))).padStart(2, "0");
  return `${minutes < 0 ? "−" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** "4 s ago", "in 30 s", "now"; `now` in milliseconds of the epoch. */
export function ago(iso, now) {
  const at = new Date(iso ?? NaN).getTime();
  if (Number.isNaN(at)) return String(iso ?? nothing);
  const seconds = Math.round((now - at) / 1000);
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

/** Cuts a text to `length` characters with an ellipsis. */
export function shorten(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** The start of a long id: enough to tell neighbours apart. UUIDv7 share their first half. */
export function short_id(id) {
  return id && id.length > 14 ? `…${id.slice(-8)}` : (id ?? nothing);
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{4}([0-9a-f]{8})/gi;

/** A text with its UUIDs cut to their last eight digits: the first half is often the same. */
export function shorten_ids(text) {
  return text.replace(uuid, "…$1");
}
