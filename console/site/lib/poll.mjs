// Repeats a read while the page is seen by somebody. Runs never overlap; failures are spaced out.

import { is_left } from "./api.mjs";
import { backoff } from "./backoff.mjs";

/**
 * Runs `task` now and then `every` ms after its end, until `signal` fires; not while the document
 * is hidden. `failed(error, delay)` hears of each failure and of the wait that follows.
 */
export function start_poll(task, { every, signal, failed = () => {} }) {
  let attempt = 0;
  let timer = 0;
  let running = false;

  async function run() {
    clearTimeout(timer);
    if (running || signal.aborted || document.hidden) return;
    running = true;
    let delay = every;
    try {
      await task();
      attempt = 0;
    } catch (error) {
      if (!is_left(error)) {
        delay = backoff(++attempt);
        failed(error, delay);
      }
    }
    running = false;
    if (!signal.aborted) timer = setTimeout(run, delay);
  }

  document.addEventListener("visibilitychange", run, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  run();
  return { now: run };
}
