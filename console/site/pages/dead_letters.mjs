// Effects that were given up on, why, and the exact commands to replay or drop them.

import { is_left, read } from "../lib/api.mjs";
import { letter_commands } from "../lib/command_line.mjs";
import { fill, h, moment } from "../lib/dom.mjs";
import { number } from "../lib/format.mjs";
import { start_poll } from "../lib/poll.mjs";
import { letter_hash, replace_query } from "../lib/router.mjs";
import { make_table } from "../lib/table.mjs";
import {
  command_item,
  empty_note,
  facts,
  json_block,
  mono,
  page_head,
  panel,
  problem_box,
  stream_link,
} from "../lib/widgets.mjs";

const letters_max = 500;

const columns = [
  { title: "Effect", cell: (l) => h("span", { class: "mono clip" }, l.effect) },
  { title: "What", cell: (l) => [h("span", { class: "muted" }, l.kind), " ", l.name] },
  { title: "Target", class: "wide", cell: (l) => h("span", { class: "mono clip" }, l.target) },
  { title: "Error", cell: (l) => h("code", {}, l.error_code) },
  { title: "Attempts", class: "num wide", cell: (l) => number(l.attempt) },
  { title: "Behind it", class: "num wide", cell: (l) => number(l.waiting_behind) },
  { title: "Parked", class: "num roomy", cell: (l) => moment(l.parked_at, "ago") },
];

export function dead_letters_page({ route, signal }) {
  const view = { letters: [], text: route.query.get("q") ?? "" };
  const trouble = h("div", {});
  const groups = h("div", { class: "tabs", role: "group", "aria-label": "Error" });
  const detail = h("div", { class: "pad" });
  const table = make_table({
    label: "Dead letters",
    key: (l) => l.effect,
    columns,
    href: (l) => letter_hash(l.effect),
    empty: () =>
      view.letters.length
        ? empty_note("No dead letter passes the filter.", "Shorten the filter.")
        : empty_note(
            "No dead letters.",
            "An effect that fails for good, or too often, is parked here with its error.",
          ),
  });
  const field = h("input", {
    type: "search",
    class: "grow",
    value: view.text,
    "data-search": true,
    "aria-label": "Filter dead letters",
    placeholder: "Filter: words in error, name, source or target",
    spellcheck: "false",
    autocomplete: "off",
    on: { input: () => set_text(field.value) },
  });

  function set_text(text) {
    view.text = field.value = text;
    replace_query({ q: text });
    show();
  }

  function show() {
    const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (l) =>
      words.every((word) =>
        `${l.error_code} ${l.error_message} ${l.name} ${l.source} ${l.target} ${l.effect}`
          .toLowerCase()
          .includes(word),
      );
    table.update(view.letters.filter(fits));
    table.mark(route.id);
    const counts = new Map();
    for (const { error_code } of view.letters)
      counts.set(error_code, (counts.get(error_code) ?? 0) + 1);
    fill(
      groups,
      [...counts].slice(0, 12).map(([code, count]) =>
        h(
          "button",
          {
            type: "button",
            class: "tab",
            "aria-pressed": String(view.text === code),
            on: { click: () => set_text(view.text === code ? "" : code) },
          },
          code,
          " ",
          h("span", { class: "num muted" }, number(count)),
        ),
      ),
    );
  }

  const poll = start_poll(
    async () => {
      const { items, next } = await read(["dead-letters"], { limit: letters_max }, { signal });
      fill(
        trouble,
        next && h("p", { class: "note" }, `The first ${letters_max} are shown; there are more.`),
      );
      if (JSON.stringify(items.map((l) => [l.effect, l.attempt])) === view.said) return;
      view.said = JSON.stringify(items.map((l) => [l.effect, l.attempt]));
      view.letters = items;
      show();
    },
    {
      every: 2000,
      signal,
      failed: (error) =>
        fill(
          trouble,
          problem_box(error, () => poll.now()),
        ),
    },
  );

  if (route.id) show_detail(detail, route.id, signal);
  return h(
    "div",
    { class: "page letters" },
    page_head("Dead letters", {
      about: "Effects that were given up on; what waits behind one in sequence waits with it.",
    }),
    h("div", { class: "bar" }, field, groups),
    trouble,
    h(
      "div",
      { class: route.id ? "split" : "" },
      panel("Dead letters", { class: "flush untitled" }, table.node),
      route.id && panel("Dead letter", { class: "letter" }, detail),
    ),
  );
}

async function show_detail(node, effect, signal) {
  try {
    const letter = await read(["dead-letters", effect], {}, { signal });
    fill(node, letter_parts(letter));
  } catch (error) {
    if (is_left(error)) return;
    const gone = error.status === 404;
    fill(
      node,
      gone
        ? empty_note("This dead letter is gone.", "It was replayed or dropped.")
        : problem_box(error, () => show_detail(node, effect, signal)),
    );
  }
}

function letter_parts(letter) {
  return [
    h(
      "div",
      { class: "problem" },
      h("p", {}, h("code", {}, letter.error_code)),
      h("p", {}, letter.error_message),
    ),
    facts([
      ["Effect", mono(letter.effect)],
      ["What", `${letter.kind} ${letter.name}`],
      ["Source", letter.source && stream_link(letter.source)],
      ["Target", letter.target ? target_node(letter) : null],
      ["Attempts", number(letter.attempt)],
      ["Waiting behind it", number(letter.waiting_behind)],
      ["Sequence key", letter.sequence_key ? mono(letter.sequence_key) : null],
      ["Decided", moment(letter.stored_at, "stamp")],
      ["Parked", moment(letter.parked_at, "stamp")],
    ]),
    h("h3", {}, "Payload"),
    json_block(letter.payload),
    h("h3", {}, "What you can do"),
    h(
      "p",
      { class: "muted" },
      "This console only reads. Paste a command into a shell; write the real reason into it.",
    ),
    letter_commands(location.origin, letter.effect).map(command_item),
  ];
}

/** A request goes to a performer, which has no stream. */
const target_node = (letter) =>
  letter.kind === "request" ? mono(letter.target) : stream_link(letter.target);
