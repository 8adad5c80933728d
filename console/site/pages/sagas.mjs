// The sagas by state.

import { read } from "../lib/api.mjs";
import { cli, curl_get } from "../lib/command_line.mjs";
import { fill, h, moment, write } from "../lib/dom.mjs";
import { duration, number } from "../lib/format.mjs";
import { make_pager } from "../lib/pager.mjs";
import { start_poll } from "../lib/poll.mjs";
import { replace_query, saga_hash } from "../lib/router.mjs";
import { make_table } from "../lib/table.mjs";
import { copy_button, empty_note, page_head, panel, problem_box } from "../lib/widgets.mjs";

const states = ["", "running", "compensating", "completed", "failed", "stuck"];

const columns = [
  { title: "Stream", cell: (s) => h("span", { class: "mono" }, s.stream) },
  { title: "Saga", class: "wide", cell: (s) => s.saga },
  { title: "State", cell: (s) => h("span", { class: `state chip ${s.state}` }, s.state) },
  { title: "Reason", class: "wide", cell: (s) => s.reason || h("span", { class: "muted" }, "–") },
  { title: "Inputs", class: "num wide", cell: (s) => number(s.version) },
  { title: "Age", class: "num wide", cell: (s) => duration(s.age_seconds) },
  { title: "Started", class: "num wide", cell: (s) => moment(s.started_at) },
  { title: "Updated", class: "num", cell: (s) => moment(s.updated_at, "ago") },
];

export function sagas_page({ route, signal, pulse }) {
  const saga = route.query.get("saga") ?? "";
  let state = route.query.get("state") ?? "";
  const trouble = h("div", {});
  const copies = h("span", { class: "copies" });
  const tabs = make_tabs(choose);
  const pager = make_pager(() => poll.now());
  const table = make_table({
    label: "Sagas",
    key: (s) => s.stream,
    columns,
    href: (s) => saga_hash(s.stream),
    empty: () =>
      empty_note(
        state ? `No saga is ${state}.` : "No saga has run yet.",
        state ? "Choose another state above." : "The first order that is placed starts one.",
      ),
  });

  async function load() {
    const asked = state;
    const page = await read(
      ["sagas"],
      { state, saga, cursor: pager.cursor(), limit: 100 },
      { signal },
    );
    if (asked !== state) return void setTimeout(() => poll.now(), 0);
    fill(trouble);
    table.update(page.items);
    pager.show(page.next, page.items.length);
  }

  function choose(chosen) {
    state = chosen;
    replace_query({ state, saga });
    pager.reset();
    show();
    poll.now();
  }

  function show() {
    tabs.show(state);
    const filters = state ? ["--state", state] : [];
    fill(
      copies,
      copy_button("Copy as CLI", cli(location.origin, "saga", "ls", ...filters)),
      copy_button(
        "Copy as curl",
        curl_get(location.origin, `/admin/v1/sagas${state ? "?state=" + state : ""}`),
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
  pulse.subscribe(({ overview }) => {
    if (overview) tabs.count((overview.sagas ?? []).filter((one) => !saga || one.saga === saga));
  }, signal);
  show();
  return h(
    "div",
    { class: "page" },
    page_head(saga ? `Sagas: ${saga}` : "Sagas", {
      about: "Work across several streams, with its way back.",
      tools: [copies],
    }),
    h("div", { class: "bar" }, tabs.node, pager.node),
    trouble,
    panel("Sagas", { class: "flush untitled" }, table.node),
  );
}

/** One button per state, with the number of sagas in it. */
function make_tabs(choose) {
  const parts = states.map((state) => {
    const count = h("span", { class: "num muted" });
    const button = h(
      "button",
      { type: "button", class: "tab", on: { click: () => choose(state) } },
      state || "all",
      " ",
      count,
    );
    return { state, count, button };
  });
  return {
    node: h(
      "div",
      { class: "tabs", role: "group", "aria-label": "State" },
      parts.map((part) => part.button),
    ),
    show: (chosen) =>
      parts.forEach((part) =>
        part.button.setAttribute("aria-pressed", String(part.state === chosen)),
      ),
    count(sagas) {
      for (const part of parts) {
        const of = part.state ? [part.state] : states.slice(1);
        write(
          part.count,
          number(
            sagas.reduce((sum, one) => sum + of.reduce((n, name) => n + (one[name] ?? 0), 0), 0),
          ),
        );
      }
    },
  };
}
