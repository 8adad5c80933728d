// How serious the state of a projection or of a relay is: ok, warning or critical.

/** Stopped is critical; failing, late, paused or trying again is a warning. */
export function loop_level({ state, error, reason, paused, lag_seconds }) {
  if (state === "stopped" || state === "failed") return "critical";
  const is_late = lag_seconds > 10 || state === "retrying";
  return error || reason || paused || is_late ? "warning" : "ok";
}

/** What its state is, in words: why it fails, or who paused it. */
export function loop_state({ state, error, reason, paused }) {
  if (paused) return `paused ${paused}`;
  return error || reason || state;
}

/** The worst of a list; "idle" if there is none. */
export function worst_level(list) {
  const levels = list.map(loop_level);
  return ["critical", "warning", "ok"].find((level) => levels.includes(level)) ?? "idle";
}
