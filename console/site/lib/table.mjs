// A table that is updated in place: rows are kept by key, so that focus, selection and scrolling
// survive each update, and only what differs touches the page.

import { h, fill } from "./dom.mjs";
import { print } from "./exact_json.mjs";

/**
 * `columns`: [{title, cell(item) → node|text, class}]; the first one carries the row's link.
 * `key(item)` names a row. `href(item)` or `open(item, button)` says what opening a row does.
 * `immutable`: items with a known key never differ. `empty`: what to show when there is no row.
 */
export function make_table({ label, columns, key, href, open, immutable = false, empty }) {
  const body = h("tbody", { on: { keydown: move_focus, click: open_row } });
  const table = h(
    "table",
    { "aria-label": label },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((column) => h("th", { scope: "col", class: column.class }, column.title)),
      ),
    ),
    body,
  );
  const nothing = h("div", { class: "nothing", hidden: true });
  const rows = new Map();

  function make_row(item) {
    const row = h("tr", { class: href || open ? "opens" : null });
    fill_row(row, item);
    return row;
  }

  function fill_row(row, item) {
    fill(
      row,
      columns.map((column, at) => {
        const cell = column.cell(item);
        return h(
          at === 0 && column.heads ? "th" : "td",
          { class: column.class },
          at === 0 ? opener(item, cell) : cell,
        );
      }),
    );
  }

  function opener(item, cell) {
    if (href) return h("a", { class: "opener", href: href(item) }, cell);
    if (!open) return cell;
    return h(
      "button",
      { type: "button", class: "opener", on: { click: (e) => open(item, e.currentTarget) } },
      cell,
    );
  }

  /** Shows exactly these items in this order. */
  function update(items) {
    const seen = new Set();
    let before = body.firstChild;
    for (const item of items) {
      const name = String(key(item));
      if (seen.has(name)) continue;
      seen.add(name);
      const row = current_row(name, item);
      if (row === before) before = before.nextSibling;
      else body.insertBefore(row, before);
    }
    for (const [name, kept] of rows) {
      if (seen.has(name)) continue;
      kept.row.remove();
      rows.delete(name);
    }
    table.hidden = seen.size === 0;
    nothing.hidden = seen.size !== 0;
    if (seen.size === 0) fill(nothing, typeof empty === "function" ? empty() : empty);
  }

  function current_row(name, item) {
    const kept = rows.get(name);
    const print_of_item = immutable ? "" : print(item);
    if (!kept) {
      const row = make_row(item);
      rows.set(name, { row, print_of_item });
      return row;
    }
    if (kept.print_of_item !== print_of_item) {
      const focused = kept.row.contains(document.activeElement);
      fill_row(kept.row, item);
      kept.print_of_item = print_of_item;
      if (focused) kept.row.querySelector(".opener")?.focus();
    }
    return kept.row;
  }

  /** Marks the row with this key, and only it, as the one that is shown elsewhere. */
  function mark(name) {
    for (const [key_of_row, { row }] of rows) {
      if (key_of_row === String(name)) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  return { node: h("div", { class: "table" }, table, nothing), update, mark };
}

/** Up and down go from row to row, as in every list. */
function move_focus(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const target = step && event.target.closest("tr")?.[step]?.querySelector(".opener");
  if (!target) return;
  event.preventDefault();
  target.focus();
}

/** A click anywhere in a row opens it, unless it hit a control or ended a selection. */
function open_row(event) {
  if (event.target.closest("a, button, input") || String(getSelection())) return;
  event.target.closest("tr")?.querySelector(".opener")?.click();
}
