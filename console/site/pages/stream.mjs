// One stream: its versions, the state at each of them, and the event that led there.

import { is_left, read } from "../lib/api.mjs";
import { cli, curl_get } from "../lib/command_line.mjs";
import { fill, h, moment, write } from "../lib/dom.mjs";
import { number } from "../lib/format.mjs";
import { start_poll } from "../lib/poll.mjs";
import { make_hash, replace_query, saga_hash } from "../lib/router.mjs";
import { make_stream_reader, page_size } from "../lib/stream_reader.mjs";
import { make_table } from "../lib/table.mjs";
import { state_tree } from "../lib/tree.mjs";
import {
  copy_button,
  empty_note,
  event_facts,
  event_label,
  json_block,
  page_head,
  panel,
  problem_box,
  readable_payload,
} from "../lib/widgets.mjs";

const play_every = 700;

export function stream_page({ route, signal }) {
  const stream = route.id;
  const reader = make_stream_reader(stream, signal);
  const wanted = Number(route.query.get("v")) || 0;
  const view = { head: 0, at: 0, page: 0, follows: wanted === 0, playing: 0 };
  const dom = make_dom(stream, { go, play, turn_page });

  /** Moves to a version within 1…head and shows it. */
  function go(version) {
    const at = Math.min(Math.max(1, version), view.head);
    if (!view.head || at === view.at) return;
    view.at = at;
    view.follows = at === view.head;
    view.page = Math.floor((at - 1) / page_size);
    replace_query({ v: at });
    show_controls();
    show_version(at);
  }

  function show_controls() {
    dom.slider.max = view.head;
    dom.slider.value = view.at;
    dom.slider.setAttribute("aria-valuetext", `version ${view.at} of ${view.head}`);
    dom.first.disabled = dom.back.disabled = view.at <= 1;
    dom.last.disabled = dom.on.disabled = view.at >= view.head;
    write(dom.label, `v${number(view.at)} of ${number(view.head)}`);
    dom.show_copies(view.at);
  }

  async function show_version(at) {
    dom.body.setAttribute("aria-busy", "true");
    try {
      const [page, state] = await Promise.all([reader.page_of(at), reader.state_at(at)]);
      if (at !== view.at) return; // the slider has moved on
      fill(dom.trouble);
      show_page(page);
      dom.table.mark(at);
      keep_in_sight(dom.table.node);
      fill(dom.state, state_part(state, at));
      fill(dom.event, event_part(page.find((event) => event.version === at)));
    } catch (error) {
      if (!is_left(error) && at === view.at)
        fill(
          dom.trouble,
          problem_box(error, () => show_version(at)),
        );
    }
    if (at === view.at) dom.body.removeAttribute("aria-busy");
  }

  function show_page(page) {
    dom.table.update([...page].reverse());
    const last_page = Math.floor((view.head - 1) / page_size);
    dom.pages.hidden = last_page === 0;
    write(
      dom.pages_label,
      page.length ? `v${number(page[0].version)} – v${number(page.at(-1).version)}` : "",
    );
    dom.older.disabled = view.page === 0;
    dom.newer.disabled = view.page >= last_page;
  }

  async function turn_page(step) {
    view.page = Math.max(0, view.page + step);
    try {
      show_page(await reader.page_of(view.page * page_size + 1));
      dom.table.mark(view.at);
    } catch (error) {
      if (!is_left(error)) fill(dom.trouble, problem_box(error));
    }
  }

  function play() {
    clearInterval(view.playing);
    view.playing = view.playing
      ? 0
      : setInterval(() => {
          go(view.at + 1);
          if (view.at >= view.head) play();
        }, play_every);
    if (view.playing && view.at >= view.head) go(1);
    write(dom.play, view.playing ? "Stop" : "Play");
  }

  const poll = start_poll(
    async () => {
      const head = await reader.head(view.head);
      if (head === view.head && head > 0) return;
      const first = view.head === 0;
      view.head = head;
      fill(dom.trouble);
      if (head === 0)
        return void fill(
          dom.trouble,
          empty_note("This stream has no event.", "Check its name under Streams."),
        );
      dom.body.hidden = dom.controls.hidden = false;
      if (first) go(wanted || head);
      else if (view.follows) go(head);
      show_controls();
      if (!first && !view.follows) show_page(await reader.page_of(view.page * page_size + 1));
      dom.table.mark(view.at);
    },
    {
      every: 1500,
      signal,
      failed: (error) => {
        if (view.head > 0) return; // the shell says that nobody answers; what is shown stays right
        fill(
          dom.trouble,
          error.status === 404 ? unknown_stream(stream) : problem_box(error, () => poll.now()),
        );
      },
    },
  );

  signal.addEventListener("abort", () => clearInterval(view.playing));
  document.addEventListener(
    "keydown",
    (event) => step_by_key(event, (step) => go(view.at + step)),
    { signal },
  );
  return dom.node;
}

/** Scrolls the list, and only the list, so that the marked row is in its middle. */
function keep_in_sight(list) {
  const row = list.querySelector("[aria-current]");
  if (row) list.scrollTop = row.offsetTop - (list.clientHeight - row.offsetHeight) / 2;
}

/** Left and right step through the versions wherever the focus is, except where they mean more. */
function step_by_key(event, step) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, pre, #drawer")) return;
  event.preventDefault();
  step(by);
}

function make_dom(stream, { go, play, turn_page }) {
  const act = (label, run, title) =>
    h("button", { type: "button", title, "aria-label": title, on: { click: run } }, label);
  const dom = {
    copies: h("span", { class: "copies" }),
    trouble: h("div", {}),
    label: h("output", { class: "at num" }),
    state: h("div", { class: "pad" }),
    event: h("div", { class: "pad" }),
    pages_label: h("span", { class: "muted num" }),
  };
  dom.slider = h("input", {
    type: "range",
    min: "1",
    max: "1",
    step: "1",
    class: "grow",
    "aria-label": "Version",
    on: { input: () => go(Number(dom.slider.value)) },
  });
  dom.first = act("|◀", () => go(1), "First version");
  dom.back = act("◀", () => go(Number(dom.slider.value) - 1), "One version back");
  dom.on = act("▶", () => go(Number(dom.slider.value) + 1), "One version on");
  dom.last = act("▶|", () => go(Number(dom.slider.max)), "Newest version");
  dom.play = act("Play", play, "Play the versions one after the other");
  dom.play.removeAttribute("aria-label");
  dom.older = act("Older", () => turn_page(-1), "Older versions");
  dom.newer = act("Newer", () => turn_page(1), "Newer versions");
  dom.pages = h("div", { class: "pager pad", hidden: true }, dom.older, dom.pages_label, dom.newer);
  dom.table = make_table({
    label: "Versions, newest first",
    key: (event) => event.version,
    immutable: true,
    open: (event) => go(event.version),
    empty: "",
    columns: [
      { title: "v", class: "num", cell: (e) => `v${e.version}` },
      { title: "Event", class: "name", cell: event_label },
      { title: "Time", class: "num", cell: (e) => moment(e.recorded_at) },
    ],
  });
  dom.controls = h(
    "div",
    { class: "bar slider", hidden: true },
    dom.first,
    dom.back,
    dom.slider,
    dom.on,
    dom.last,
    dom.label,
    dom.play,
  );
  dom.body = h(
    "div",
    { class: "stream-grid", hidden: true },
    panel("Versions", { class: "flush versions" }, dom.table.node, dom.pages),
    panel("State", { class: "state-panel" }, dom.state),
    panel("Event", { class: "event-panel" }, dom.event),
  );
  dom.show_copies = (at) =>
    fill(
      dom.copies,
      copy_button(
        "Copy as CLI",
        cli(location.origin, "stream", "state", stream, "--at", String(at)),
      ),
      copy_button(
        "Copy as curl",
        curl_get(location.origin, `/admin/v1/streams/${encodeURIComponent(stream)}/state?at=${at}`),
      ),
    );
  dom.node = h(
    "div",
    { class: "page stream" },
    page_head(stream, {
      about: "State is folded from the events up to the chosen version.",
      tools: [dom.copies],
    }),
    dom.controls,
    dom.trouble,
    dom.body,
  );
  return dom;
}

function unknown_stream(stream) {
  return h(
    "div",
    { class: "panel nothing" },
    empty_note(`There is no stream ${stream}.`, [
      "It may not have been written yet; this page looks again. ",
      h(
        "a",
        { href: make_hash("streams", "", { prefix: stream.split("-")[0] }) },
        "Streams with a similar name",
      ),
    ]),
  );
}

function state_part({ name, state, changed = [] }, at) {
  if (state === null) {
    return empty_note(
      "The state is unknown here.",
      "This process has no aggregate or saga of this category.",
    );
  }
  const saying =
    at === 1
      ? "the first event"
      : `${changed.length} ${changed.length === 1 ? "field" : "fields"} changed by v${at}`;
  return [
    h(
      "p",
      { class: "muted state-line" },
      h("span", { class: "mono" }, name),
      h("span", {}, saying),
    ),
    state_tree(state, changed),
  ];
}

function event_part(event) {
  if (!event)
    return empty_note(
      "This event could not be read.",
      `Move the slider, or read it with: ${cli(location.origin, "stream", "cat")}`,
    );
  const saga = event.name.startsWith("tidemark.saga_");
  return [
    h("h3", { class: "event-name" }, event_label(event)),
    json_block(readable_payload(event)),
    event_facts(event),
    saga && h("p", {}, h("a", { class: "button", href: saga_hash(event.stream) }, "Open as saga")),
  ];
}
