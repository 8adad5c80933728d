// The shell: pages by address, lamps, switches, keys, and the banner when nobody answers.

import { get } from "./lib/api.mjs";
import { name_program } from "./lib/command_line.mjs";
import { close_drawer } from "./lib/drawer.mjs";
import { fill, h, refresh_moments, write } from "./lib/dom.mjs";
import { number } from "./lib/format.mjs";
import { make_hash, parse_hash } from "./lib/router.mjs";
import { loop_state, worst_level } from "./lib/levels.mjs";
import { start_pulse } from "./lib/pulse.mjs";
import { on_turn, setting, turn } from "./lib/settings.mjs";
import { lamp } from "./lib/widgets.mjs";
import { about_page } from "./pages/about.mjs";
import { dead_letters_page } from "./pages/dead_letters.mjs";
import { live_page } from "./pages/live.mjs";
import { overview_page } from "./pages/overview.mjs";
import { saga_page } from "./pages/saga.mjs";
import { sagas_page } from "./pages/sagas.mjs";
import { stream_page } from "./pages/stream.mjs";
import { streams_page } from "./pages/streams.mjs";

const pages = {
  overview: { title: "Overview", open: overview_page, key: "o" },
  live: { title: "Live events", open: live_page, key: "l" },
  streams: { title: "Streams", open: streams_page, key: "s" },
  stream: { title: "Stream", open: stream_page, under: "streams" },
  sagas: { title: "Sagas", open: sagas_page, key: "a" },
  saga: { title: "Saga", open: saga_page, under: "sagas" },
  "dead-letters": { title: "Dead letters", open: dead_letters_page, key: "d" },
  about: { title: "About", open: about_page, key: "i" },
};
const by_id = (id) => document.getElementById(id);
const pulse = start_pulse({ signal: new AbortController().signal });
const badges = new Map();
let leave = null;
let incarnation = null;
let lamps_said = "";

function open_page() {
  const route = resolve(parse_hash(location.hash));
  const page = pages[route.page];
  if (!page) return location.replace("#/overview");
  leave?.abort();
  leave = new AbortController();
  close_drawer();
  document.title = `${route.id || page.title} · Tidemark`;
  mark_nav(page.under ?? route.page);
  fill(by_id("main"), page.open({ route, signal: leave.signal, pulse }));
  by_id("main").scrollTo(0, 0);
  window.scrollTo(0, 0);
}

/** "#/streams/order-1" is an address of the stream, as the API writes it. */
function resolve(route) {
  const one = { streams: "stream", sagas: "saga" }[route.page];
  return route.id && one ? { ...route, page: one } : route;
}

function make_nav() {
  const shown = Object.entries(pages).filter(([, page]) => page.key);
  fill(
    by_id("nav"),
    shown.map(([name, page]) => {
      const badge = h("span", { class: "badge", hidden: true });
      badges.set(name, badge);
      return h(
        "li",
        {},
        h(
          "a",
          { href: make_hash(name), "data-page": name, title: `g then ${page.key}` },
          page.title,
          badge,
        ),
      );
    }),
  );
}

function mark_nav(name) {
  for (const link of by_id("nav").querySelectorAll("a")) {
    if (link.dataset.page === name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}

function show_badge(name, count, level, meaning) {
  const badge = badges.get(name);
  badge.hidden = !count;
  badge.className = `badge ${level}`;
  badge.title = meaning;
  write(badge, number(count));
}

function show_pulse({ overview, error, delay }) {
  if (error) return show_unreachable(error, delay);
  by_id("unreachable").hidden = true;
  document.body.classList.remove("stale");
  const { mode, store, bus, projections = [], relay = [], sagas = [] } = overview;
  show_mode(mode, store);
  write(by_id("version"), `v${overview.version}`);
  const stuck = sagas.reduce((sum, saga) => sum + saga.stuck, 0);
  show_badge("dead-letters", overview.dead_letters, "critical", "parked effects");
  show_badge("sagas", stuck, "critical", "sagas that are stuck");
  show_badge("overview", overview.attention?.length, worst(overview.attention), "needs attention");
  show_lamps([
    [store.ok ? "ok" : "critical", "Store", store.location, store.kind],
    [bus.connected ? "ok" : "warning", "Bus", bus.reason || bus.location, bus.kind],
    [worst_level(projections), "Projections", say_states(projections)],
    [worst_level(relay), "Relay", say_states(relay)],
  ]);
  refresh_moments("ago");
  // Another store, other streams: what the page shows is of a past that is not this one.
  if (incarnation !== null && incarnation !== store.incarnation) open_page();
  incarnation = store.incarnation;
}

/** Written only when something differs: a screen reader speaks each change of this region. */
function show_lamps(lamps) {
  const said = JSON.stringify(lamps);
  if (said === lamps_said) return;
  lamps_said = said;
  fill(
    by_id("lamps"),
    lamps.map((one) => lamp(...one)),
  );
}

const say_states = (list) =>
  list
    .map((one) => `${one.name ?? one.topic}: ${loop_state(one)}`)
    .join("\n") || "none registered";
const worst = (list = []) => (list.some((a) => a.severity === "critical") ? "critical" : "warning");

function show_mode(mode, store) {
  const banner = by_id("mode");
  banner.className = `mode ${mode === "production" ? "production" : ""}`;
  write(
    banner,
    mode === "development"
      ? `Development mode · data in ${store.location} · served on ${location.host} · read-only`
      : `${mode} · ${location.host} · read-only`,
  );
}

function show_unreachable(error, delay) {
  const box = by_id("unreachable");
  document.body.classList.add("stale");
  fill(
    box,
    h("strong", {}, `No answer from ${location.host}. `),
    `${error.message}. Trying again in ${Math.ceil(delay / 1000)} s; `,
    "what is shown below is the last known. ",
    "If you stopped the process, start it with ",
    h("code", {}, "./dev up"),
    ". ",
    h("button", { type: "button", on: { click: () => pulse.retry() } }, "Try now"),
  );
  box.hidden = false;
}

function show_settings() {
  const theme = setting("theme");
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  show_switch("theme", "Theme: ", theme);
  show_switch("zone", "Times: ", setting("zone") === "utc" ? "UTC" : "local");
}

/** On narrow screens the choice stands alone; its name is still read out. */
function show_switch(id, name, choice) {
  by_id(id).setAttribute("aria-label", name + choice);
  fill(by_id(id), h("span", { class: "wide" }, name), choice);
}

const key_list = [
  ["/", "search or filter"],
  ["g then o l s a d i", "overview, live, streams, sagas, dead letters, about"],
  ["↑ ↓", "from row to row"],
  ["Enter", "open the row"],
  ["← →", "on a stream: one version back or on"],
  ["p", "on live events: pause or go on"],
  ["t, z", "theme; UTC or local times"],
  ["Esc", "close"],
];

function show_keys() {
  const close = h(
    "button",
    { type: "button", on: { click: () => by_id("keys").close() } },
    "Close",
  );
  fill(
    by_id("keys"),
    h("h2", {}, "Keys"),
    h(
      "dl",
      { class: "facts" },
      key_list.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]),
    ),
    close,
  );
  by_id("keys").showModal();
}

function search() {
  const field = by_id("main").querySelector("[data-search]");
  if (!field) location.hash = make_hash("streams", "", { focus: "1" });
  field?.focus();
  field?.select();
}

let prefix_at = -Infinity;

function on_key(event) {
  if (event.key === "Escape" && close_drawer()) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=range]), textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = { "/": search, "?": show_keys, t: () => turn("theme"), z: () => turn("zone") };
  const goal = Object.keys(pages).find((name) => pages[name].key === event.key);
  if (event.timeStamp - prefix_at < 1200 && goal) location.hash = make_hash(goal);
  else if (event.key === "g") return void (prefix_at = event.timeStamp);
  else if (act[event.key]) act[event.key]();
  else return;
  prefix_at = -Infinity;
  event.preventDefault();
}

make_nav();
show_settings();
on_turn((name) => {
  show_settings();
  if (name === "zone") refresh_moments();
});
by_id("theme").addEventListener("click", () => turn("theme"));
by_id("zone").addEventListener("click", () => turn("zone"));
by_id("keys-open").addEventListener("click", show_keys);
by_id("skip").addEventListener("click", (event) => {
  event.preventDefault();
  by_id("main").focus();
});
document.addEventListener("keydown", on_key);
window.addEventListener("hashchange", open_page);
pulse.subscribe(show_pulse, new AbortController().signal);
// The commands on the pages name the program that runs; without an answer, the tool.
await get("/version", { timeout: 2000 }).then(
  (what) => name_program(what.program),
  () => {},
);
open_page();
