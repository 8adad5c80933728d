// What runs here: version, checks, and each setting with where its value came from.

import { api_error, get, is_left, read } from "../lib/api.mjs";
import { cli, curl_get } from "../lib/command_line.mjs";
import { fill, h } from "../lib/dom.mjs";
import { print } from "../lib/exact_json.mjs";
import { duration, number } from "../lib/format.mjs";
import { replace_query } from "../lib/router.mjs";
import { make_table } from "../lib/table.mjs";
import {
  copy_button,
  empty_note,
  facts,
  lamp,
  page_head,
  panel,
  problem_box,
} from "../lib/widgets.mjs";

const columns = [
  { title: "Setting", cell: (s) => h("span", { class: "mono" }, s.key), heads: true },
  {
    title: "Value",
    cell: (s) =>
      s.secret
        ? h("span", { class: "muted" }, "secret, not shown")
        : h(
            "span",
            { class: "mono break" },
            typeof s.value === "string" ? s.value : print(s.value),
          ),
  },
  {
    title: "From",
    cell: (s) => h("span", { class: s.source === "default" ? "muted" : "" }, s.source),
  },
  { title: "What it does", class: "muted wide words", cell: (s) => s.description },
];

export function about_page({ route, signal, pulse }) {
  const version = h("div", { class: "pad" });
  const trouble = h("div", {});
  const view = { settings: [], text: route.query.get("q") ?? "" };
  const table = make_table({
    label: "Settings",
    key: (s) => s.key,
    columns,
    empty: () => empty_note("No setting passes the filter.", "Shorten the filter."),
  });
  const field = h("input", {
    type: "search",
    class: "grow",
    value: view.text,
    "data-search": true,
    spellcheck: "false",
    "aria-label": "Filter settings",
    placeholder: "Filter settings",
    autocomplete: "off",
    on: {
      input: () => {
        view.text = field.value;
        replace_query({ q: view.text });
        show();
      },
    },
  });

  function show() {
    const word = view.text.toLowerCase();
    table.update(
      view.settings.filter((s) =>
        `${s.key} ${s.description} ${s.source}`.toLowerCase().includes(word),
      ),
    );
  }

  async function load() {
    try {
      const [about, config] = await Promise.all([
        get("/version", { signal }),
        read(["config"], { limit: 500 }, { signal }),
      ]);
      fill(trouble);
      fill(version, version_facts(about));
      view.settings = config.items;
      show();
    } catch (error) {
      if (!is_left(error)) fill(trouble, problem_box(error, load));
    }
  }

  load();
  return h(
    "div",
    { class: "page about-page" },
    page_head("About", { about: "Version, checks and every setting with its source." }),
    trouble,
    h(
      "div",
      { class: "about-grid" },
      panel("This process", {}, version),
      ready_part(signal),
      verify_part(signal, pulse),
    ),
    panel(
      "Settings",
      {
        class: "flush",
        tools: [
          field,
          copy_button("Copy as CLI", cli(location.origin, "config", "show")),
          copy_button("Copy as curl", curl_get(location.origin, "/admin/v1/config")),
        ],
      },
      table.node,
    ),
  );
}

function version_facts(about) {
  const rows = typeof about === "object" && about !== null ? about : { version: about };
  return [
    facts(
      Object.entries(rows).map(([name, value]) => [
        name.replace(/_/g, " "),
        typeof value === "string" ? value : print(value),
      ]),
    ),
    h(
      "p",
      {},
      h("a", { href: "/metrics" }, "Metrics"),
      " · ",
      h("a", { href: "/readyz" }, "Readiness"),
      " · ",
      h("a", { href: "/livez" }, "Liveness"),
    ),
  ];
}

/** The readiness checks, by name. They come as a list or as an object of them. */
function ready_part(signal) {
  const node = h("div", { class: "pad" });
  const load = async () => {
    try {
      const answer = await get("/readyz", { signal });
      const checks = Array.isArray(answer.checks)
        ? answer.checks
        : Object.entries(answer.checks ?? {}).map(([name, check]) => ({
            name,
            ...(typeof check === "object" ? check : { ok: check === "ok" || check === true }),
          }));
      fill(
        node,
        h("ul", { class: "checks" }, checks.map(check_item)),
        checks.length === 0 && lamp("ok", "ready, no named check"),
      );
    } catch (error) {
      if (is_left(error)) return;
      fill(
        node,
        error instanceof api_error && error.status === 503
          ? lamp("critical", `not ready: ${error.detail || error.message}`)
          : problem_box(error, load),
      );
    }
  };
  load();
  return panel("Readiness", {}, node);
}

function check_item(check) {
  const ok = check.ok ?? ["passing", "pass", "ok", "up"].includes(check.status);
  return h(
    "li",
    {},
    lamp(ok ? "ok" : "critical", check.name),
    " ",
    h("span", { class: "muted" }, check.message ?? check.detail ?? check.reason ?? ""),
  );
}

/** Reading the whole log again costs; it is done only when somebody asks. */
function verify_part(signal, pulse) {
  const node = h("div", { class: "result", role: "status" });
  const button = h("button", { type: "button", on: { click: run } }, "Check the log now");

  async function run() {
    button.disabled = true;
    const events = pulse.overview?.events.last_position;
    fill(node, h("p", { class: "muted" }, `Reading ${number(events)} events …`));
    const began = performance.now();
    try {
      const answer = await read(["verify"], {}, { signal, timeout: 120000 });
      const took = duration((performance.now() - began) / 1000);
      fill(
        node,
        lamp(
          answer.ok ? "ok" : "critical",
          `${number(answer.checked_events)} events checked in ${took}`,
        ),
        h(
          "ul",
          {},
          (answer.problems ?? [])
            .slice(0, 50)
            .map((one) => h("li", {}, typeof one === "string" ? one : print(one))),
        ),
      );
    } catch (error) {
      if (!is_left(error)) fill(node, problem_box(error));
    }
    button.disabled = false;
  }

  return panel(
    "Consistency",
    {},
    h(
      "div",
      { class: "pad" },
      h(
        "p",
        { class: "muted" },
        "Versions without gaps in each stream; projections equal to a replay of the log.",
      ),
      button,
      node,
    ),
  );
}
