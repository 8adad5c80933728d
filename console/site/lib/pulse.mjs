// The overview, read each second for the whole console: lamps, counts, rates and their history.

import { read } from "./api.mjs";
import { start_poll } from "./poll.mjs";

export const history_slots = 120;

/** What the sparklines show: name → the figure in an overview. */
const figures = {
  events: (o) => o.events?.per_second,
  commands: (o) => o.commands?.per_second,
  append: (o) => o.append?.p99_ms,
  effects: (o) => o.effects?.in_flight,
};

/** Reads until `signal` fires. Subscribers hear {overview} or {error, delay}. */
export function start_pulse({ signal }) {
  const listeners = new Set();
  const history = Object.fromEntries(Object.keys(figures).map((name) => [name, []]));
  const pulse = { overview: null, error: null, history, subscribe, retry: () => poll.now() };

  function tell(message) {
    for (const listen of listeners) listen(message);
  }

  function remember(overview) {
    for (const [name, figure] of Object.entries(figures)) {
      history[name].push(figure(overview) ?? 0);
      if (history[name].length > history_slots) history[name].shift();
    }
  }

  /** Hears the last overview at once, then each one, until `until` fires. */
  function subscribe(listen, until) {
    listeners.add(listen);
    until.addEventListener("abort", () => listeners.delete(listen));
    if (pulse.overview) listen({ overview: pulse.overview });
  }

  const poll = start_poll(
    async () => {
      const overview = await read(["overview"], {}, { signal, timeout: 4000 });
      remember(overview);
      Object.assign(pulse, { overview, error: null });
      tell({ overview });
    },
    {
      every: 1000,
      signal,
      failed: (error, delay) => {
        pulse.error = error;
        tell({ error, delay });
      },
    },
  );
  return pulse;
}
