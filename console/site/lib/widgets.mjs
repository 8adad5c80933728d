// The parts that pages are made of.

import { append, h, moment } from "./dom.mjs";
import { is_container, parse, print, scalar } from "./exact_json.mjs";
import { short_id } from "./format.mjs";
import { saga_subject } from "./event_filter.mjs";
import { make_hash, stream_hash } from "./router.mjs";

/** A titled box. `tools`: controls at the right of its title. */
export function panel(title, { class: kind = "", tools = [] } = {}, ...children) {
  return h(
    "section",
    { class: `panel ${kind}`, "aria-label": title },
    h("header", {}, h("h2", {}, title), h("div", { class: "tools" }, tools)),
    ...children,
  );
}

/** The head of a page: its title, a line about it and its controls. */
export function page_head(title, { about = "", tools = [] } = {}) {
  return h(
    "header",
    { class: "page-head" },
    h("h1", {}, title),
    h("p", { class: "muted about" }, about),
    h("div", { class: "tools" }, tools),
  );
}

/** What an empty place says: a fact and what to do about it. */
export function empty_note(fact, advice) {
  return [h("p", {}, h("strong", {}, fact)), h("p", { class: "muted" }, advice)];
}

/** A failed read, in the words of the server, with a way to try again. */
export function problem_box(error, retry) {
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, error.message), error.code && [" ", h("code", {}, error.code)]),
    error.detail && h("p", {}, error.detail),
    retry && h("p", {}, h("button", { type: "button", on: { click: retry } }, "Try again")),
  );
}

/**
 * A coloured dot with its meaning in words. `level`: ok, warning, critical, idle. `detail` is left
 * out on narrow screens.
 */
export function lamp(level, text, title, detail) {
  return h(
    "span",
    { class: `lamp ${level}`, title },
    h("i", { "aria-hidden": "true" }),
    h("span", {}, text, detail && h("span", { class: "wide" }, ` ${detail}`)),
  );
}

/** Copies a text; says so for a moment. Where the clipboard is forbidden it selects the text. */
export function copy_button(label, text) {
  const button = h("button", { type: "button", class: "copy", title: text });
  button.textContent = label;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code") ?? button);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
  return button;
}

/** One command an operator may paste into a shell, and what it does. */
export function command_item({ title, cli, curl }) {
  return h(
    "div",
    { class: "command" },
    h(
      "div",
      { class: "command-head" },
      h("strong", {}, title),
      copy_button("Copy as CLI", cli),
      copy_button("Copy as curl", curl),
    ),
    h("code", { class: "line" }, cli),
  );
}

/** Name and value pairs. Rows whose value is null are left out. */
export function facts(rows) {
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

const json_max = 20000;

/** A value as coloured JSON; very long ones are cut on the screen, never in the copy. */
export function json_block(value) {
  const pre = h("pre", { class: "json", tabindex: "0" });
  const text = print(value, 2);
  if (text.length > json_max) append(pre, text.slice(0, json_max), "\n… cut on this screen");
  else append_json(pre, value, 0);
  return h("div", { class: "json-box" }, copy_button("Copy JSON", text), pre);
}

function append_json(node, value, depth) {
  if (!is_container(value)) {
    const kind = value === null ? "null" : typeof value === "bigint" ? "number" : typeof value;
    node.append(h("span", { class: `value ${kind}` }, scalar(value)));
    return;
  }
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = list ? "[]" : "{}";
  node.append(open);
  entries.forEach(([key, item], at) => {
    append(
      node,
      at ? "," : "",
      "\n" + "  ".repeat(depth + 1),
      !list && [h("span", { class: "key" }, JSON.stringify(key)), ": "],
    );
    append_json(node, item, depth + 1);
  });
  append(node, entries.length ? "\n" + "  ".repeat(depth) : "", close);
}

/** The dot of an event's name: equal names, equal colours. */
export function name_dot(name) {
  let sum = 0;
  for (const letter of String(name)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return h("i", { class: `dot hue-${sum % 6}`, "aria-hidden": "true" });
}

/** An event's name; a saga's own event is shown by what it is about. */
export function event_label(event) {
  const subject = saga_subject(event);
  if (!subject) return [name_dot(event.name), event.name];
  const kind = h("span", { class: "muted" }, `${subject.kind} `);
  return h("span", { title: event.name }, name_dot(subject.about), kind, subject.about);
}

/** A payload for the eye: messages that a saga keeps as text inside its events are unfolded. */
export function readable_payload(event) {
  if (!saga_subject(event)) return event.payload;
  const unfold = (value) => {
    if (!is_container(value)) return value;
    const one = Array.isArray(value) ? [...value] : { ...value };
    for (const key of Object.keys(one))
      one[key] = key === "payload" ? parsed(one[key]) : unfold(one[key]);
    return one;
  };
  return unfold(event.payload);
}

function parsed(text) {
  try {
    return typeof text === "string" ? parse(text) : text;
  } catch {
    return text;
  }
}

export function stream_link(stream, version) {
  return h("a", { href: stream_hash(stream, version), class: "mono" }, stream);
}

/** Everything about an event but its payload. */
export function event_facts(event) {
  return facts(
    [
      ["Stream", [stream_link(event.stream, event.version), ` v${event.version}`]],
      ["Position", h("span", { class: "num" }, String(event.position))],
      ["Recorded", moment(event.recorded_at, "stamp")],
      ["Event id", mono(event.id)],
      [
        "Correlation",
        event.correlation &&
          h(
            "a",
            {
              href: make_hash("live", "", { q: `correlation:${event.correlation}` }),
              class: "mono",
              title: "follow this correlation live",
            },
            event.correlation,
          ),
      ],
      ["Causation", event.causation && mono(event.causation)],
      ["Trace", event.traceparent && mono(event.traceparent)],
    ].map(([name, value]) => [name, value || null]),
  );
}

export const mono = (text) => h("span", { class: "mono" }, text);
export const brief = (id) => h("span", { class: "mono", title: id }, short_id(id));
