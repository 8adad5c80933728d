// One saga: its steps and how far each of them is, the way back, the timeline, the timers.

import { read } from "../lib/api.mjs";
import { cli, curl_get, saga_commands } from "../lib/command_line.mjs";
import { fill, h, moment } from "../lib/dom.mjs";
import { print } from "../lib/exact_json.mjs";
import { duration, shorten_ids } from "../lib/format.mjs";
import { start_poll } from "../lib/poll.mjs";
import { stream_hash } from "../lib/router.mjs";
import { make_table } from "../lib/table.mjs";
import { state_tree } from "../lib/tree.mjs";
import {
  command_item,
  copy_button,
  empty_note,
  facts,
  lamp,
  page_head,
  panel,
  problem_box,
  stream_link,
} from "../lib/widgets.mjs";

/** What each state of a step means, in a reader's words. */
const step_words = {
  held: ["idle", "held until the failure is certain"],
  sent: ["idle", "sent, no answer yet"],
  settling: ["idle", "being settled"],
  assumed: ["warning", "no answer: counts as happened"],
  succeeded: ["ok", "succeeded"],
  refused: ["warning", "refused"],
  settled_refused: ["warning", "settled: refused for ever"],
  undo_sent: ["idle", "being undone"],
  undone: ["warning", "undone"],
  undo_refused: ["critical", "undo refused"],
};

export function saga_page({ route, signal }) {
  const stream = route.id;
  const trouble = h("div", {});
  const body = h("div", {});
  let shown = "";
  const poll = start_poll(
    async () => {
      const saga = await read(["sagas", stream], {}, { signal });
      fill(trouble);
      const all = print(saga);
      if (all === shown) return;
      shown = all;
      const focused = document.activeElement?.getAttribute("href");
      fill(body, saga_parts(saga));
      if (focused)
        [...body.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus();
    },
    {
      every: 1000,
      signal,
      failed: (error) =>
        fill(
          trouble,
          problem_box(error, () => poll.now()),
        ),
    },
  );
  const tools = h(
    "span",
    { class: "copies" },
    copy_button("Copy as CLI", cli(location.origin, "saga", "show", stream)),
    copy_button(
      "Copy as curl",
      curl_get(location.origin, `/admin/v1/sagas/${encodeURIComponent(stream)}`),
    ),
  );
  return h(
    "div",
    { class: "page saga" },
    page_head(stream, {
      about: "A saga: what it sent, what it was told, what it undid.",
      tools: [tools],
    }),
    trouble,
    body,
  );
}

function saga_parts(saga) {
  return [
    summary(saga),
    saga.state === "stuck" && panel("What an operator can do", {}, way_on(saga)),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "stack" },
        panel("Steps", {}, steps_list(saga)),
        panel("Timers", {}, h("div", { class: "pad" }, timers(saga.timers ?? []))),
      ),
      h(
        "div",
        { class: "stack" },
        panel("Timeline", {}, timeline(saga)),
        panel("State", {}, h("div", { class: "pad" }, state_tree(saga.state_document ?? {}))),
      ),
    ),
  ];
}

function summary(saga) {
  return h(
    "div",
    { class: "bar summary" },
    h("span", { class: `state chip ${saga.state}` }, saga.state),
    saga.reason && h("span", {}, saga.reason),
    h("span", { class: "muted" }, "started ", moment(saga.started_at, "stamp")),
    h(
      "span",
      { class: "muted" },
      "took ",
      duration(seconds_between(saga.started_at, saga.updated_at)),
    ),
    h("a", { class: "button", href: stream_hash(saga.stream) }, "Versions of its stream"),
  );
}

function way_on(saga) {
  return h(
    "div",
    { class: "pad stack" },
    h(
      "p",
      { class: "muted" },
      "An undo was refused. This console only reads: mend what refuses it, then paste a command ",
      "into a shell, with the real reason in it.",
    ),
    saga_commands(location.origin, saga.stream).map(command_item),
  );
}

const time_of = (iso) => new Date(iso).getTime();
const seconds_between = (from, to) => Math.max(0, (time_of(to) - time_of(from)) / 1000);

function steps_list(saga) {
  const steps = saga.steps ?? [];
  if (steps.length === 0)
    return h(
      "div",
      { class: "nothing" },
      empty_note("No step yet.", "The saga has not sent anything."),
    );
  const from = time_of(saga.started_at);
  const to = Math.max(
    time_of(saga.updated_at),
    ...steps.map((step) => time_of(step.answered_at ?? step.sent_at)),
    from + 1,
  );
  return h(
    "ol",
    { class: "steps" },
    steps.map((step) => step_item(step, from, to)),
  );
}

function step_item(step, from, to) {
  const [level, words] = step_words[step.state] ?? ["idle", step.state];
  return h(
    "li",
    { class: `saga-step ${step.state}` },
    h(
      "div",
      { class: "step-head" },
      h("strong", {}, step.name || step.command),
      step.pivot &&
        h("span", { class: "chip", title: "from here the saga only goes forward" }, "pivot"),
      lamp(level, words),
      step.answered_at &&
        h(
          "span",
          { class: "muted num" },
          duration(seconds_between(step.sent_at, step.answered_at)),
        ),
    ),
    h(
      "div",
      { class: "step-line" },
      h("code", {}, step.command),
      step.target ? [" to ", stream_link(step.target)] : " to its performer",
      step.attempts > 1 && h("span", { class: "muted" }, ` · ${step.attempts} attempts`),
    ),
    step.reason && h("div", { class: "step-line" }, "because ", step.reason),
    step.undo && undo_line(step),
    time_bar(step, from, to),
  );
}

function undo_line(step) {
  const armed = { succeeded: "armed", undo_sent: "sent", undone: "done", undo_refused: "refused" }[
    step.state
  ];
  return h(
    "div",
    { class: "step-line undo" },
    "↩ undone by ",
    h("code", {}, step.undo),
    h("span", { class: "muted" }, armed ? ` · ${armed}` : " · not armed"),
  );
}

/** When the step was under way, within the saga's own time. */
function time_bar(step, from, to) {
  const start = (time_of(step.sent_at) - from) / (to - from);
  const end = step.answered_at ? (time_of(step.answered_at) - from) / (to - from) : 1;
  const bar = h("span", { class: step.answered_at ? "span" : "span open" });
  bar.style.left = `${Math.max(0, start) * 100}%`;
  bar.style.width = `${Math.max(0.6, (end - start) * 100)}%`;
  return h("div", { class: "time-bar", "aria-hidden": "true" }, bar);
}

/** Time since the start; the moment itself is a touch away. */
function after_start(saga, entry) {
  const node = moment(entry.at, "stamp");
  delete node.dataset.shape; // keeps this text when times are written again
  node.textContent = `+${seconds_between(saga.started_at, entry.at).toFixed(3)} s`;
  return node;
}

function timeline(saga) {
  const table = make_table({
    label: "Timeline",
    key: (entry) => entry.row,
    columns: [
      {
        title: "After",
        class: "num",
        cell: (e) => after_start(saga, e),
      },
      {
        title: "v",
        class: "num",
        cell: (e) => h("a", { href: stream_hash(saga.stream, e.version) }, `v${e.version}`),
      },
      { title: "Kind", cell: (e) => h("span", { class: `kind kind-${e.kind}` }, e.kind) },
      {
        title: "What",
        cell: (e) => [
          h("span", { class: "mono" }, e.name),
          e.text && h("span", { class: "muted", title: e.text }, ` ${shorten_ids(e.text)}`),
        ],
      },
    ],
    empty: () => empty_note("Nothing has happened yet.", "The first input will be the first line."),
  });
  table.update((saga.timeline ?? []).slice(-500).map((entry, row) => ({ ...entry, row })));
  return table.node;
}

function timers(list) {
  if (list.length === 0) return h("p", { class: "muted" }, "No timer is set.");
  return facts(
    list.map((timer) => [
      timer.name,
      [
        "due ",
        moment(timer.due, "ago"),
        h("span", { class: "muted" }, " · "),
        moment(timer.due, "stamp"),
      ],
    ]),
  );
}
