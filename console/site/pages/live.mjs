// Events as they are committed. Keeps the newest 2,000, shows at most 500 of them that pass.

import { is_left, read } from "../lib/api.mjs";
import { cli, curl_get } from "../lib/command_line.mjs";
import { fill, h, moment, write } from "../lib/dom.mjs";
import { open_drawer } from "../lib/drawer.mjs";
import { compile_filter } from "../lib/event_filter.mjs";
import { print } from "../lib/exact_json.mjs";
import { number, shorten } from "../lib/format.mjs";
import { make_ring } from "../lib/ring.mjs";
import { make_hash, replace_query, stream_hash } from "../lib/router.mjs";
import { follow } from "../lib/sse.mjs";
import { make_table } from "../lib/table.mjs";
import {
  brief,
  copy_button,
  empty_note,
  event_facts,
  event_label,
  json_block,
  lamp,
  page_head,
  panel,
  problem_box,
  readable_payload,
} from "../lib/widgets.mjs";

const kept_max = 2000;
const rows_max = 500;
const start_back = 200; // how far before the end of the log the page begins
const draw_every = 200;
const can_hover = matchMedia("(hover: hover)"); // a touched row would count as hovered for ever

const columns = [
  { title: "Time", class: "num time", cell: (e) => moment(e.recorded_at) },
  { title: "Event", class: "name", cell: event_label },
  {
    title: "Stream",
    cell: (e) => h("a", { href: stream_hash(e.stream, e.version), class: "mono clip" }, e.stream),
  },
  { title: "v", class: "num", cell: (e) => `v${e.version}` },
  { title: "Position", class: "num wide", cell: (e) => String(e.position) },
  {
    title: "Correlation",
    class: "wide",
    cell: (e) =>
      e.correlation &&
      h(
        "a",
        { href: make_hash("live", "", { q: `correlation:${e.correlation}` }) },
        brief(e.correlation),
      ),
  },
  {
    title: "Payload",
    class: "payload wide",
    cell: (e) => h("span", { class: "mono muted" }, shorten(print(readable_payload(e)), 140)),
  },
];

export function live_page({ route, signal, pulse }) {
  const view = {
    ring: make_ring(kept_max),
    text: route.query.get("q") ?? "",
    paused: false,
    held: false,
    unseen: 0,
    state: "connecting",
    skipped: 0,
  };
  const dom = make_dom(view, { on_filter: set_filter, on_pause: toggle });
  let timer = 0;
  let connection = null;

  function draw() {
    timer = 0;
    const passes = compile_filter(view.text);
    const fit = view.ring.list().filter(passes);
    dom.table.update(fit.slice(-rows_max).reverse());
    show_counts(fit.length);
  }

  function show_counts(fit) {
    const seen = view.ring.list().length;
    write(
      dom.count,
      view.text
        ? `${number(Math.min(fit, rows_max))} of ${number(seen)} events`
        : `newest ${number(Math.min(fit, rows_max))} events`,
    );
    dom.skipped.hidden = view.skipped === 0;
    write(
      dom.skipped,
      `${number(view.skipped)} events were committed while this page was hidden and are not shown.`,
    );
  }

  function plan() {
    // Under the pointer rows hold still, or a click would hit the neighbour.
    const held = can_hover.matches && dom.rows.matches(":hover");
    if (held !== view.held) dom.show_held((view.held = held));
    if (!timer && !view.paused && !held) timer = setTimeout(draw, draw_every);
  }

  function take(event) {
    view.ring.push(event);
    if (view.paused) dom.show_paused(view.paused, ++view.unseen);
    plan();
  }

  function set_filter(text) {
    view.text = text;
    replace_query({ q: text });
    draw();
  }

  function toggle() {
    view.paused = !view.paused;
    view.unseen = 0;
    dom.show_paused(view.paused, 0);
    clearTimeout(timer); // a drawing that was planned would still move the rows
    timer = 0;
    if (!view.paused) draw();
  }

  /** Opens the stream of events; while nobody looks it is closed, and a long absence is skipped. */
  async function connect(position) {
    if (document.hidden || connection) return;
    const leave = new AbortController();
    connection = { leave, progress: { position } };
    signal.addEventListener("abort", () => leave.abort(), { signal: leave.signal });
    try {
      const { events } = await read(["overview"], {}, { signal: leave.signal });
      const after = Math.max(position, events.last_position - start_back, 0);
      if (position > 0 && after > position) view.skipped += after - position;
      connection.progress = follow({
        after,
        on_event: take,
        signal: leave.signal,
        on_state: dom.show_state,
      });
      fill(dom.trouble);
    } catch (error) {
      connection = null;
      if (is_left(error)) return;
      dom.show_state("waiting");
      fill(
        dom.trouble,
        problem_box(error, () => connect(position)),
      );
      pulse.subscribe(({ overview }) => overview && connect(position), leave.signal);
    }
  }

  document.addEventListener(
    "visibilitychange",
    () => {
      if (!document.hidden) return void connect(connection?.progress.position ?? last);
      last = connection?.progress.position ?? last;
      connection?.leave.abort();
      connection = null;
    },
    { signal },
  );
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "p" && !event.ctrlKey && !event.metaKey && !event.target.closest("input"))
        toggle();
    },
    { signal },
  );
  signal.addEventListener("abort", () => clearTimeout(timer));
  dom.rows.addEventListener("pointerleave", plan, { signal });
  let last = 0;
  draw();
  connect(last);
  return dom.node;
}

function make_dom(view, { on_filter, on_pause }) {
  const filter = h("input", {
    type: "search",
    value: view.text,
    "data-search": true,
    class: "grow",
    "aria-label": "Filter events",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "Filter: words in name, stream or correlation; stream:order- -name:tidemark",
    on: { input: (e) => on_filter(e.target.value) },
  });
  const pause = h(
    "button",
    {
      type: "button",
      class: "pause",
      "aria-pressed": "false",
      title: "p",
      on: { click: on_pause },
    },
    "Pause",
  );
  const count = h("span", { class: "muted num" });
  const skipped = h("p", { class: "note", hidden: true });
  const trouble = h("div", {});
  const status = h("span", { role: "status" });
  const copies = h(
    "span",
    { class: "copies" },
    copy_button("Copy as CLI", cli(location.origin, "tail")),
    copy_button("Copy as curl", `${curl_get(location.origin, "/admin/v1/events/stream")} -N`),
  );
  const held_note = h("span", { class: "muted held" }, "rows hold still under the pointer");
  const table = make_table({
    label: "Events, newest first",
    key: (e) => e.position,
    columns,
    immutable: true,
    open: (event, from) => open_event(event, from),
    empty: () =>
      empty_note(
        view.text ? "No event passes the filter." : "No event yet.",
        view.text
          ? "Shorten the filter, or wait: new events are looked at as they come."
          : "Send a command, for example with the curl line that the process printed.",
      ),
  });
  const words = {
    connecting: ["idle", "connecting"],
    open: ["ok", "live"],
    waiting: ["warning", "connection lost, trying again"],
  };
  return {
    rows: table.node.querySelector("tbody"),
    filter,
    count,
    skipped,
    trouble,
    table,
    node: h(
      "div",
      { class: "page live" },
      page_head("Live events", {
        about: "Every committed event, newest first.",
        tools: [held_note, status, copies],
      }),
      h("div", { class: "bar" }, filter, count, pause),
      skipped,
      trouble,
      panel("Events", { class: "flush untitled" }, table.node),
    ),
    show_state: (state) => fill(status, lamp(...words[state])),
    show_held: (held) => held_note.classList.toggle("on", held),
    show_paused(paused, unseen) {
      pause.setAttribute("aria-pressed", String(paused));
      write(pause, paused ? `Go on${unseen ? ` (${number(unseen)} new)` : ""}` : "Pause");
    },
  };
}

function open_event(event, from) {
  open_drawer(
    event.name,
    [
      h(
        "p",
        {},
        h(
          "a",
          { class: "button", href: stream_hash(event.stream, event.version) },
          `Open ${event.stream} at v${event.version}`,
        ),
      ),
      h("h3", {}, "Payload"),
      json_block(readable_payload(event)),
      h("h3", {}, "Metadata"),
      event_facts(event),
    ],
    from,
  );
}
