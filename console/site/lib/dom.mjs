// Building the page. Text goes in as text nodes: nothing from the store is ever parsed as HTML.

import { ago, clock, stamp } from "./format.mjs";
import { setting } from "./settings.mjs";

const forbidden = /^(on|style$|srcdoc$)/i;

/**
 * An element. `attributes`: values null, undefined and false are left out, true means present;
 * `on` maps event names to listeners. Links may lead into the console or to a path of this server.
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") listen(node, value);
    else set_attribute(node, name, value);
  }
  return append(node, ...children);
}

function listen(node, listeners) {
  for (const [type, listener] of Object.entries(listeners)) node.addEventListener(type, listener);
}

function set_attribute(node, name, value) {
  if (forbidden.test(name)) throw new Error(`attribute ${name} is not set from code`);
  if (name === "href" && !/^(#\/|\/[a-z])/.test(value)) throw new Error(`link to ${value}`);
  node.setAttribute(name, value === true ? "" : value);
}

/** Appends nodes, texts, numbers and lists of them; null and false are skipped. */
export function append(node, ...children) {
  for (const child of children.flat(4)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** Puts new children in the place of all old ones. */
export function fill(node, ...children) {
  node.replaceChildren();
  return append(node, ...children);
}

/** Writes a text only if it differs: a selection inside survives the next update. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const shapes = {
  clock: (iso, zone) => clock(iso, zone),
  stamp: (iso, zone) => stamp(iso, zone),
  ago: (iso) => ago(iso, Date.now()),
};

/** A moment; `shape` is "clock", "stamp" or "ago". It follows the zone switch and the clock. */
export function moment(iso, shape = "clock") {
  if (!iso) return h("span", { class: "muted" }, "–");
  const node = h("time", { datetime: iso, "data-shape": shape });
  show_moment(node);
  return node;
}

function show_moment(node) {
  const zone = setting("zone");
  write(node, shapes[node.dataset.shape](node.dateTime, zone));
  const full = stamp(node.dateTime, zone);
  if (node.title !== full) node.title = full;
}

/** Writes moments again: all of them, or those of one shape only. */
export function refresh_moments(shape = "") {
  const which = shape ? `time[data-shape="${shape}"]` : "time[data-shape]";
  for (const node of document.querySelectorAll(which)) show_moment(node);
}
