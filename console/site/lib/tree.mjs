// A state document as a tree of fields, with the fields that a version changed marked.

import { append, h } from "./dom.mjs";
import { is_container, print, scalar } from "./exact_json.mjs";
import { shorten } from "./format.mjs";
import { index_changes, path_key } from "./json_path.mjs";

const children_max = 100; // more are a click away
const text_max = 400;

/** The tree of `state`; `changed` as the admin API gives it: [{path, before, after}]. */
export function state_tree(state, changed = []) {
  const marks = index_changes(changed);
  const shown = new Set();
  const root = h("div", { class: "tree" }, children_of(state, [], { marks, shown }));
  const gone = [...marks.at].filter(([key]) => !shown.has(key)).map(([, change]) => change);
  if (gone.length > 0) root.append(h("div", { class: "gone" }, gone.map(gone_field)));
  return root;
}

function children_of(value, path, look) {
  if (!is_container(value)) return leaf("", value, path, look);
  const entries = Object.entries(value);
  look.shown.add(path_key(path));
  if (entries.length === 0) return h("div", { class: "field muted" }, "no fields yet");
  const list = h("div", { class: "fields" });
  const add = (from) => {
    const part = entries.slice(from, from + children_max);
    append(
      list,
      part.map(([name, item]) => field(name, item, [...path, name], look)),
    );
    const rest = entries.length - from - part.length;
    if (rest > 0)
      list.append(
        more_button(rest, (button) => {
          button.remove();
          add(from + part.length);
        }),
      );
  };
  add(0);
  // Fields beyond the first hundred are there, only folded: they are not gone.
  for (const [name] of entries.slice(children_max)) note_shown([...path, name], value[name], look);
  return list;
}

function note_shown(path, value, look) {
  look.shown.add(path_key(path));
  if (!is_container(value)) return;
  for (const [name, item] of Object.entries(value)) note_shown([...path, name], item, look);
}

function more_button(rest, act) {
  return h(
    "button",
    { type: "button", class: "quiet", on: { click: (e) => act(e.currentTarget) } },
    `${rest} more`,
  );
}

function field(name, value, path, look) {
  if (!is_container(value) || Object.keys(value).length === 0) return leaf(name, value, path, look);
  const key = path_key(path);
  const change = look.marks.at.get(key);
  const touched = change || look.marks.above.has(key);
  const count = Object.keys(value).length;
  return h(
    "details",
    { class: change ? "changed" : null, open: path.length < 3 || Boolean(touched) },
    h(
      "summary",
      {},
      h("span", { class: "key" }, name),
      h("span", { class: "muted" }, Array.isArray(value) ? ` [${count}]` : ` {${count}}`),
      change && change_note(change),
      !change && touched && h("span", { class: "inside" }, " changed inside"),
    ),
    children_of(value, path, look),
  );
}

function leaf(name, value, path, look) {
  const key = path_key(path);
  look.shown.add(key);
  const change = look.marks.at.get(key);
  return h(
    "div",
    { class: change ? "field changed" : "field" },
    name !== "" && h("span", { class: "key" }, name),
    value_node(value),
    change && change_note(change),
  );
}

/** A scalar (or an empty container) in the colour of its type; long texts unfold on a click. */
export function value_node(value) {
  const text = is_container(value) ? print(value) : scalar(value);
  const kind = value === null ? "null" : typeof value === "bigint" ? "number" : typeof value;
  if (text.length <= text_max) return h("span", { class: `value ${kind}` }, text);
  const node = h("span", { class: `value ${kind}` }, shorten(text, text_max));
  return [
    node,
    more_button(`${text.length - text_max} characters`, (button) => {
      node.textContent = text;
      button.remove();
    }),
  ];
}

function change_note(change) {
  const was = change.before === null || change.before === undefined;
  return h(
    "span",
    { class: "was" },
    was ? "new" : ["was ", h("del", {}, shorten(print(change.before), 60))],
  );
}

function gone_field(change) {
  return h(
    "div",
    { class: "field changed" },
    h("span", { class: "key" }, change.path),
    h("del", {}, shorten(print(change.before ?? null), 60)),
    h("span", { class: "was" }, "removed"),
  );
}
