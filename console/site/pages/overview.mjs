// The whole process at a glance; everything here comes with the pulse, once a second.

import { fill, h, write } from "../lib/dom.mjs";
import { curl_get } from "../lib/command_line.mjs";
import { bytes, duration, millis, number, rate } from "../lib/format.mjs";
import { loop_level, loop_state } from "../lib/levels.mjs";
import { inner_link, make_hash, stream_hash } from "../lib/router.mjs";
import { make_sparkline } from "../lib/sparkline.mjs";
import { make_table } from "../lib/table.mjs";
import { copy_button, empty_note, lamp, page_head, panel } from "../lib/widgets.mjs";

const tiles = [
  {
    name: "events",
    title: "Events",
    unit: "/s",
    figure: (o) => rate(o.events.per_second),
    note: (o) => `${number(o.events.appended_total)} since start`,
  },
  {
    name: "commands",
    title: "Commands",
    unit: "/s",
    figure: (o) => rate(o.commands.per_second),
    note: (o) => `${number(o.commands.refused)} refused, ${number(o.commands.errors)} errors`,
  },
  {
    name: "append",
    title: "Append p99",
    unit: "",
    least: 0.5,
    figure: (o) => millis(o.append.p99_ms),
    note: (o) => `p50 ${millis(o.append.p50_ms)}`,
  },
  {
    name: "effects",
    title: "Effects in flight",
    unit: "",
    figure: (o) => number(o.effects.in_flight),
    note: (o) => `ready ${number(o.effects.ready)} · timers ${number(o.effects.timers)}`,
  },
];

export function overview_page({ signal, pulse }) {
  const shown = tiles.map((tile) => make_tile(tile, pulse));
  const left = [attention_part(), projections_part(), relay_part()];
  const right = [sagas_part(), effects_part(), store_part()];
  const parts = [...left, ...right];
  const root = h(
    "div",
    { class: "page overview" },
    page_head("Overview", {
      about: "Counted by the process itself, read once a second.",
      tools: [copy_button("Copy as curl", curl_get(location.origin, "/admin/v1/overview"))],
    }),
    h(
      "div",
      { class: "tiles" },
      shown.map((tile) => tile.node),
    ),
    h(
      "div",
      { class: "columns" },
      [left, right].map((column) =>
        h(
          "div",
          { class: "stack" },
          column.map((part) => part.node),
        ),
      ),
    ),
  );
  pulse.subscribe(({ overview }) => {
    if (overview) for (const part of [...shown, ...parts]) part.show(overview);
  }, signal);
  window.addEventListener("resize", () => shown.forEach((tile) => tile.redraw()), { signal });
  // A canvas has no size before it is in the page.
  requestAnimationFrame(() => shown.forEach((tile) => tile.redraw()));
  return root;
}

function make_tile({ name, title, unit, figure, note, least = 1 }, pulse) {
  const value = h("b", {}, "–");
  const about = h("span", { class: "muted" });
  const line = make_sparkline({ label: `${title}, last two minutes`, least });
  return {
    node: h(
      "section",
      { class: "tile panel", "aria-label": title },
      h("h2", {}, title),
      h("p", { class: "figure" }, value, h("span", { class: "unit" }, unit)),
      about,
      line.node,
    ),
    show(overview) {
      write(value, figure(overview));
      write(about, note(overview));
      line.draw(pulse.history[name]);
    },
    redraw: () => line.draw(),
  };
}

function attention_part() {
  const list = h("ul", { class: "attention" });
  let said = null;
  return {
    node: panel("What needs attention", {}, list),
    show({ attention = [] }) {
      const saying = JSON.stringify(attention);
      if (saying === said) return;
      said = saying;
      fill(
        list,
        attention.slice(0, 20).map(attention_item),
        attention.length === 0 &&
          h(
            "li",
            { class: "calm" },
            lamp("ok", "Nothing. "),
            h(
              "span",
              { class: "muted" },
              "Dead letters, stuck sagas, lag and quarantined streams would be named here.",
            ),
          ),
        attention.length > 20 && h("li", { class: "muted" }, `and ${attention.length - 20} more`),
      );
    },
  };
}

function attention_item({ severity, what, why, remedy, link }) {
  const href = inner_link(link);
  return h(
    "li",
    { class: severity },
    lamp(severity === "critical" ? "critical" : "warning", href ? h("a", { href }, what) : what),
    h("p", {}, why),
    remedy && h("p", { class: "remedy" }, remedy),
  );
}

function sagas_part() {
  const states = ["running", "compensating", "completed", "failed", "stuck"];
  const table = make_table({
    label: "Sagas by state",
    key: (row) => row.saga,
    href: (row) => make_hash("sagas", "", { saga: row.saga }),
    columns: [
      { title: "Saga", cell: (row) => row.saga, heads: true },
      ...states.map((state) => ({
        title: state,
        class: "num",
        cell: (row) =>
          h("span", { class: row[state] ? `state ${state}` : "muted" }, number(row[state])),
      })),
    ],
    empty: () =>
      empty_note("No saga is registered.", "Register one with runtime.store<your_saga>()."),
  });
  return { node: panel("Sagas", {}, table.node), show: ({ sagas = [] }) => table.update(sagas) };
}

function projections_part() {
  const table = make_table({
    label: "Projections",
    key: (row) => row.name,
    columns: [
      { title: "Name", cell: (row) => row.name, heads: true },
      { title: "Position", class: "num", cell: (row) => number(row.position) },
      { title: "Behind", class: "num", cell: (row) => number(row.lag_events) },
      { title: "Lag", class: "num", cell: (row) => duration(row.lag_seconds) },
      {
        title: "State",
        cell: (row) => lamp(loop_level(row), loop_state(row)),
      },
      { title: "Parked", class: "num", cell: (row) => number(row.parked) },
    ],
    empty: () =>
      empty_note(
        "No projection is registered.",
        "Register one with runtime.project<your_projection>().",
      ),
  });
  return {
    node: panel("Projections", {}, table.node),
    show: ({ projections = [] }) => table.update(projections),
  };
}

function relay_part() {
  const table = make_table({
    label: "Relay to the bus",
    key: (row) => row.topic,
    columns: [
      { title: "Topic", cell: (row) => row.topic, heads: true },
      { title: "Position", class: "num", cell: (row) => number(row.position) },
      { title: "Pending", class: "num", cell: (row) => number(row.pending) },
      {
        title: "State",
        cell: (row) => lamp(loop_level(row), row.reason || row.state),
      },
    ],
    empty: () =>
      empty_note(
        "No relay is registered.",
        'Add runtime.relay({.topic = "…"}) to send events to the bus.',
      ),
  });
  return { node: panel("Relay", {}, table.node), show: ({ relay = [] }) => table.update(relay) };
}

/** Pairs of a name and a text that is rewritten in place. */
function make_facts(title, rows) {
  const cells = rows.map(([name, , href]) => {
    const value = href ? h("a", { href }) : h("span", {});
    return { value, node: [h("dt", {}, name), h("dd", {}, value)] };
  });
  return {
    node: panel(
      title,
      {},
      h(
        "dl",
        { class: "facts figures" },
        cells.map((cell) => cell.node),
      ),
    ),
    show: (overview) => rows.forEach(([, figure], at) => write(cells[at].value, figure(overview))),
  };
}

function effects_part() {
  return make_facts("Effects", [
    ["Ready", (o) => number(o.effects.ready)],
    ["Leased by a runner", (o) => number(o.effects.leased)],
    ["Waiting for another", (o) => number(o.effects.waiting)],
    ["Timers", (o) => number(o.effects.timers)],
    ["Dead letters", (o) => number(o.dead_letters), make_hash("dead-letters")],
  ]);
}

function store_part() {
  const facts = make_facts("Store", [
    ["Kind", (o) => o.store.kind],
    ["Location", (o) => o.store.location],
    ["Streams", (o) => number(o.store.streams), make_hash("streams")],
    ["Last position", (o) => number(o.events.last_position), make_hash("live")],
    ["Instances in memory", (o) => `${number(o.streams_cached)}, ${bytes(o.cache_bytes)}`],
    ["Up for", (o) => duration(o.uptime_seconds)],
  ]);
  const quarantine = h("ul", { class: "quarantine" });
  facts.node.append(quarantine);
  return {
    node: facts.node,
    show(overview) {
      facts.show(overview);
      fill(
        quarantine,
        (overview.quarantined ?? [])
          .slice(0, 10)
          .map(({ stream, reason }) =>
            h(
              "li",
              {},
              lamp("critical", h("a", { href: stream_hash(stream) }, stream)),
              " ",
              reason,
            ),
          ),
      );
    },
  };
}
