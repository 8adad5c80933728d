// How serious the state of a projection or of a relay is: ok, warning or critical.

/** Stopped is critical; failing, late or trying again is a warning. */
export function loop_level({ state, error, reason, lag_seconds }) {
  if (state === "stopped" || state === "failed") return "critical";
  return error || reason || lag_seconds > 10 || state === "retrying" ? "warning" : "ok";
}

/** The worst of a list; "idle" if there is none. */
export function worst_level(list) {
  const levels = list.map(loop_level);
  return ["critical", "warning", "ok"].find((level) => levels.includes(level)) ?? "idle";
}
