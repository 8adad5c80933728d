// How long to wait after the n-th failure in a row (n from 1), in milliseconds: doubling from one
// second to at most fifteen, with a fifth of jitter so that many open consoles spread out.

export function backoff(attempt, random = Math.random) {
  const step = Math.min(15000, 1000 * 2 ** Math.min(10, Math.max(0, attempt - 1)));
  return Math.round(step * (0.8 + 0.2 * random()));
}
