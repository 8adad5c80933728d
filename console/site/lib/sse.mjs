// Follows the log. The browser reconnects by itself with Last-Event-ID after a broken connection;
// after a refusal it gives up, and then we come again from the last position, with backoff.

import { admin_path } from "./api.mjs";
import { backoff } from "./backoff.mjs";
import { parse } from "./exact_json.mjs";

/**
 * Calls `on_event(event)` for each event after `after`, in order, none twice, none left out, until
 * `signal` fires. `on_state`: "connecting", "open", "waiting". Returns {position}.
 */
export function follow({
  after,
  on_event,
  on_state,
  signal,
  open = (url) => new EventSource(url),
  delay = backoff,
}) {
  const progress = { position: after };
  let attempt = 0;
  let source = null;
  let timer = 0;

  function connect() {
    if (signal.aborted) return;
    on_state("connecting");
    source = open(admin_path(["events", "stream"], { after: progress.position }));
    source.addEventListener("open", () => {
      attempt = 0;
      on_state("open");
    });
    source.addEventListener("event", (message) => take(message.data));
    source.addEventListener("error", on_error);
  }

  function take(text) {
    const event = parse(text);
    if (event.position <= progress.position) return; // sent again by a resumed connection
    progress.position = event.position;
    on_event(event);
  }

  function on_error() {
    on_state("waiting");
    if (source.readyState !== 2) return; // not CLOSED: the browser tries again
    timer = setTimeout(connect, delay(++attempt));
  }

  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source?.close();
  });
  connect();
  return progress;
}
