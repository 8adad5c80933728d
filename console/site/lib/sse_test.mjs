// Following the log through broken and refused connections, on a stand-in for EventSource.

import assert from "node:assert/strict";
import { test } from "node:test";

import { follow } from "./sse.mjs";

/** Opens recorded sources instead of connections; delays are zero. */
function make_world(after) {
  const world = { sources: [], events: [], states: [], leave: new AbortController() };
  world.open = (url) => {
    const source = { url, readyState: 1, listeners: {}, closed: false };
    source.addEventListener = (type, listener) => (source.listeners[type] = listener);
    source.close = () => (source.closed = true);
    source.send = (position) => source.listeners.event({ data: JSON.stringify({ position }) });
    source.fail = (state) => {
      source.readyState = state;
      source.listeners.error();
    };
    world.sources.push(source);
    world.opened?.();
    return source;
  };
  world.next_source = () => new Promise((resolve) => (world.opened = resolve));
  world.progress = follow({
    after,
    on_event: (event) => world.events.push(event.position),
    on_state: (state) => world.states.push(state),
    signal: world.leave.signal,
    open: world.open,
    delay: () => 0,
  });
  return world;
}

test("sse: begins after the given position and passes events on in order", () => {
  const world = make_world(40);
  assert.equal(world.sources[0].url, "/admin/v1/events/stream?after=40");
  [41, 42, 43].forEach(world.sources[0].send);
  assert.deepEqual(world.events, [41, 42, 43]);
  assert.equal(world.progress.position, 43);
});

test("sse: what a resumed connection sends again is not passed on twice", () => {
  const world = make_world(0);
  const [source] = world.sources;
  [1, 2].forEach(source.send);
  source.fail(0); // the browser reconnects by itself
  [2, 3].forEach(source.send);
  assert.deepEqual(world.events, [1, 2, 3]);
  assert.equal(world.sources.length, 1);
  assert.equal(world.states.at(-1), "waiting");
});

test("sse: a refused connection is opened again from the last position", async () => {
  const world = make_world(0);
  world.sources[0].send(7);
  const again = world.next_source();
  world.sources[0].fail(2);
  await again;
  assert.equal(world.sources[1].url, "/admin/v1/events/stream?after=7");
});

test("sse: leaving closes the connection and cancels the next try", async () => {
  const world = make_world(0);
  world.leave.abort();
  assert.ok(world.sources[0].closed);
  world.sources[0].fail(2);
  await new Promise((resolve) => setImmediate(() => setTimeout(resolve, 0)));
  assert.equal(world.sources.length, 1);
});
