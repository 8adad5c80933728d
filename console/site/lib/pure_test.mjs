// The pure modules, without a browser: node --test console/site/lib/*_test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "./backoff.mjs";
import {
  cli,
  curl_post,
  letter_commands,
  name_program,
  quote,
  saga_commands,
} from "./command_line.mjs";
import { compile_filter, saga_subject } from "./event_filter.mjs";
import { parse, print } from "./exact_json.mjs";
import {
  ago,
  bytes,
  clock,
  duration,
  millis,
  number,
  rate,
  shorten_ids,
  stamp,
} from "./format.mjs";
import { index_changes, parse_path, path_key } from "./json_path.mjs";
import { loop_level, loop_state, worst_level } from "./levels.mjs";
import { make_ring } from "./ring.mjs";
import { inner_link, make_hash, parse_hash } from "./router.mjs";
import { points_of, round_top } from "./sparkline.mjs";

const table = (check, rows) =>
  rows.forEach((row) => assert.equal(check(...row.slice(0, -1)), row.at(-1)));

test("format: figures are short and keep their unit", () => {
  table(number, [
    [1234567, "1,234,567"],
    [9007199254740993n, "9,007,199,254,740,993"],
    [null, "–"],
  ]);
  table(rate, [
    [0, "0"],
    [7, "7.0"],
    [1234.4, "1,234"],
    [undefined, "–"],
  ]);
  table(millis, [
    [0, "0 ms"],
    [0.417, "0.42 ms"],
    [12.34, "12.3 ms"],
    [345.6, "346 ms"],
    [1250, "1.25 s"],
    [NaN, "–"],
  ]);
  table(bytes, [
    [512, "512 B"],
    [1536, "1.5 KiB"],
    [300 * 1024 ** 2, "300 MiB"],
  ]);
});

test("format: a duration shows its two largest units", () => {
  table(duration, [
    [0, "0 s"],
    [0.04, "40 ms"],
    [0.9996, "1.0 s"],
    [2.25, "2.3 s"],
    [59, "59 s"],
    [125, "2 m 05 s"],
    [3720, "1 h 02 m"],
    [2 * 86400 + 4 * 3600, "2 d 4 h"],
    [-61, "−1 m 01 s"],
    [null, "–"],
  ]);
});

test("format: times follow the zone, and an unreadable one is shown as it came", () => {
  table(clock, [
    ["2025-11-21T12:20:57.123456Z", "utc", "12:20:57.123"],
    ["soon", "utc", "soon"],
    [null, "utc", "–"],
  ]);
  assert.equal(stamp("2025-11-21T12:20:57.123456Z", "utc"), "2025-11-21 12:20:57.123 UTC");
  const now = Date.parse("2025-11-21T12:00:00Z");
  table(
    (iso) => ago(iso, now),
    [
      ["2025-11-21T11:59:58Z", "2 s ago"],
      ["2025-11-21T12:00:30Z", "in 30 s"],
      ["2025-11-21T12:00:00.2Z", "now"],
    ],
  );
});

test("json: integers beyond 2^53 keep every digit, digits in strings stay strings", () => {
  const text =
    '{"big":9007199254740993,"low":-9223372036854775808,"text":"9007199254740993","a":[1.5,null]}';
  const value = parse(text);
  assert.equal(value.big, 9007199254740993n);
  assert.equal(value.low, -9223372036854775808n);
  assert.equal(value.text, "9007199254740993");
  assert.equal(print(value), text);
  assert.equal(
    print({ a: [], b: {}, c: [1] }, 2),
    '{\n  "a": [],\n  "b": {},\n  "c": [\n    1\n  ]\n}',
  );
  assert.throws(() => parse('{"a":12345678901234567'), SyntaxError);
});

test("path: both notations name the same field, and containers above it are known", () => {
  assert.deepEqual(parse_path("$.lines[0].quantity"), ["lines", "0", "quantity"]);
  assert.deepEqual(parse_path("/lines/0/a~1b~0"), ["lines", "0", "a/b~"]);
  assert.deepEqual(parse_path('$.stock["a.b"]'), ["stock", "a.b"]);
  assert.deepEqual(parse_path("lines[0]"), ["lines", "0"]);
  const { at, above } = index_changes([{ path: "$.lines[0].quantity", before: 1, after: 2 }]);
  assert.equal(at.get(path_key(["lines", "0", "quantity"])).after, 2);
  assert.ok(
    above.has(path_key(["lines"])) && above.has(path_key([])) && !above.has(path_key(["other"])),
  );
});

test("router: an address survives the way there and back", () => {
  const hash = make_hash("stream", "order-1/ü %?", { v: 3, empty: "" });
  const { page, id, query } = parse_hash(hash);
  assert.deepEqual([page, id, [...query]], ["stream", "order-1/ü %?", [["v", "3"]]]);
  assert.equal(parse_hash("").page, "overview");
  assert.equal(parse_hash("#/stream/100%").id, "100%");
});

test("router: a link of the API cannot lead out of the console", () => {
  table(inner_link, [
    ["#/dead-letters", "#/dead-letters"],
    ["/console/#/sagas", "#/sagas"],
    ["https://example.org/", null],
    ["javascript:alert(1)", null],
    [null, null],
  ]);
});

test("ring: the newest are kept, the dropped are counted", () => {
  const ring = make_ring(3);
  for (let n = 1; n <= 10; ++n) ring.push(n);
  assert.deepEqual(ring.list(), [8, 9, 10]);
  assert.equal(ring.dropped, 7);
});

test("filter: words are joined by and, a place narrows, a minus excludes", () => {
  const event = { name: "order.placed.v1", stream: "order-7", correlation: "C-1", payload: {} };
  const input = {
    name: "tidemark.saga_input.v1",
    stream: "checkout-7",
    payload: { name: "order.paid.v1" },
  };
  table(
    (text) => compile_filter(text)(event),
    [
      ["", true],
      ["PLACED order-7", true],
      ["placed stream:c", false],
      ["name:order-7", false],
      ["correlation:c-1", true],
      ["-order", false],
      ["-stream:checkout", true],
      ["stream:", true],
    ],
  );
  assert.equal(compile_filter("name:paid")(input), true);
  assert.deepEqual(saga_subject(input), { kind: "input", about: "order.paid.v1" });
  assert.equal(saga_subject(event), null);
});

test("backoff: doubles from a second, ends at fifteen, and is never more than the step", () => {
  table(
    (n) => backoff(n, () => 1),
    [
      [1, 1000],
      [2, 2000],
      [4, 8000],
      [5, 15000],
      [500, 15000],
    ],
  );
  assert.equal(
    backoff(1, () => 0),
    800,
  );
});

test("command line: what comes from the store cannot leave its quotes", () => {
  table(quote, [
    ["order-1", "order-1"],
    ["a b", "'a b'"],
    ["", "''"],
    ["x'; rm -rf /", "'x'\\''; rm -rf /'"],
    ["$(id)", "'$(id)'"],
  ]);
  assert.equal(cli("http://127.0.0.1:8081", "stream", "ls"), "tidemark stream ls");
  assert.equal(
    cli("http://127.0.0.1:9", "stream", "ls"),
    "tidemark stream ls --url http://127.0.0.1:9",
  );
  assert.match(
    curl_post("http://h", "/p", { reason: "it's" }),
    /Tidemark-Admin: 1.*'\{"reason":"it'\\''s"\}'$/,
  );
});

test("command line: the commands name the program that runs", () => {
  name_program("shop");
  assert.equal(cli("http://127.0.0.1:8081", "stream", "ls"), "shop stream ls");
  name_program("");
  assert.equal(cli("http://127.0.0.1:8081", "stream", "ls"), "shop stream ls");
  name_program("tidemark");
});

test("command line: looking and trying come first, a drop gives a reason", () => {
  const [look, dry, replay, drop] = letter_commands("http://127.0.0.1:8081", "order-1/2/0");
  assert.equal(look.cli, "tidemark dlq show order-1/2/0");
  assert.match(dry.cli, /--dry-run$/);
  assert.match(dry.curl, /order-1%2F2%2F0\/replay .*"dry_run":true/);
  assert.match(replay.curl, /"dry_run":false/);
  assert.match(drop.cli, /--reason /);
});

test("command line: a stuck saga is tried first, then resumed or skipped, with a reason", () => {
  const [dry, again, skip] = saga_commands("http://127.0.0.1:8081", "transfer-1");
  assert.equal(dry.cli, "tidemark saga resume transfer-1 --reason 'check first' --dry-run");
  assert.match(dry.curl, /sagas\/transfer-1\/resume .*"dry_run":true/);
  assert.doesNotMatch(again.cli, /--skip|--dry-run/);
  assert.match(again.curl, /"reason":"cause fixed"\}/);
  assert.match(skip.cli, /--skip --reason /);
  assert.match(skip.curl, /"skip":true/);
});

test("sparkline: the newest value is at the right edge and no value leaves the box", () => {
  const points = points_of([0, 5, 20], { width: 100, height: 10, slots: 11, top: 10 });
  assert.deepEqual(points, [
    [80, 10],
    [90, 5],
    [100, 0],
  ]);
  assert.equal(round_top([0.2], 1), 1);
  assert.equal(round_top([3]), 5);
  assert.equal(round_top([11]), 20);
  assert.equal(round_top([100]), 100);
});

test("levels: stopped is critical, late or failing a warning, the worst one counts", () => {
  table(loop_level, [
    [{ state: "running" }, "ok"],
    [{ state: "running", lag_seconds: 11 }, "warning"],
    [{ state: "retrying", error: "x" }, "warning"],
    [{ state: "paused", paused: "by ada" }, "warning"],
    [{ state: "stopped", error: "x" }, "critical"],
  ]);
  table(loop_state, [
    [{ state: "running" }, "running"],
    [{ state: "retrying", error: "x" }, "x"],
    [{ state: "paused", paused: "by ada: audit" }, "paused by ada: audit"],
  ]);
  table(worst_level, [
    [[], "idle"],
    [[{ state: "running" }, { state: "stopped" }], "critical"],
  ]);
});

test("format: ids inside a text keep their last digits", () => {
  const text = "sent to order-093f896d-c3fa-5823-bbb8-931e8770d878, v2";
  assert.equal(shorten_ids(text), "sent to order-…8770d878, v2");
});
