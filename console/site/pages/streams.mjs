// The streams by name, a page at a time.

import { read } from "../lib/api.mjs";
import { fill, h, moment } from "../lib/dom.mjs";
import { number } from "../lib/format.mjs";
import { start_poll } from "../lib/poll.mjs";
import { replace_query, stream_hash } from "../lib/router.mjs";
import { make_table } from "../lib/table.mjs";
import { make_pager } from "../lib/pager.mjs";
import { cli, curl_get } from "../lib/command_line.mjs";
import { copy_button, empty_note, page_head, panel, problem_box } from "../lib/widgets.mjs";

const columns = [
  { title: "Stream", cell: (s) => h("span", { class: "mono" }, s.stream) },
  { title: "Category", class: "wide", cell: (s) => s.category },
  { title: "Versions", class: "num", cell: (s) => number(s.version) },
  { title: "Last position", class: "num wide", cell: (s) => number(s.last_position) },
  { title: "Last event", class: "num", cell: (s) => moment(s.last_recorded_at, "ago") },
];

export function streams_page({ route, signal }) {
  let prefix = route.query.get("prefix") ?? "";
  const trouble = h("div", {});
  const table = make_table({
    label: "Streams",
    key: (s) => s.stream,
    columns,
    href: (s) => stream_hash(s.stream),
    empty: () =>
      empty_note(
        prefix ? `No stream begins with "${prefix}".` : "The store is empty.",
        prefix
          ? "A prefix is matched from the first letter, and case counts."
          : "The first command that decides an event makes the first stream.",
      ),
  });
  const pager = make_pager(() => poll.now());
  const copies = h("span", { class: "copies" });
  const field = h("input", {
    type: "search",
    class: "grow",
    value: prefix,
    "data-search": true,
    "aria-label": "Streams that begin with",
    placeholder: "Stream begins with, for example order-",
    spellcheck: "false",
    autocomplete: "off",
    on: { input: set_prefix },
  });

  async function load() {
    const asked = prefix;
    const page = await read(
      ["streams"],
      { prefix, cursor: pager.cursor(), limit: 100 },
      { signal },
    );
    if (asked !== prefix) return poll_again();
    fill(trouble);
    table.update(page.items);
    pager.show(page.next, page.items.length);
  }

  // The answer was to an older prefix; the new one is asked for at once.
  function poll_again() {
    setTimeout(() => poll.now(), 0);
  }

  function set_prefix(event) {
    prefix = event.target.value.trim();
    replace_query({ prefix });
    pager.reset();
    show_copies();
    poll.now();
  }

  function show_copies() {
    fill(
      copies,
      copy_button("Copy as CLI", cli(location.origin, "stream", "ls", ...(prefix ? [prefix] : []))),
      copy_button(
        "Copy as curl",
        curl_get(
          location.origin,
          `/admin/v1/streams${prefix ? "?prefix=" + encodeURIComponent(prefix) : ""}`,
        ),
      ),
    );
  }

  const poll = start_poll(load, {
    every: 2000,
    signal,
    failed: (error) =>
      fill(
        trouble,
        problem_box(error, () => poll.now()),
      ),
  });
  show_copies();
  if (route.query.has("focus")) requestAnimationFrame(() => field.focus());
  return h(
    "div",
    { class: "page" },
    page_head("Streams", { about: "One stream per aggregate and saga, by name.", tools: [copies] }),
    h("div", { class: "bar" }, field, pager.node),
    trouble,
    panel("Streams", { class: "flush untitled" }, table.node),
  );
}
