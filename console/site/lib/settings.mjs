// What the reader chose, kept by the browser: theme and time zone.

const choices = { theme: ["system", "light", "dark"], zone: ["local", "utc"] };
const listeners = new Set();

/** "theme" → "system", "light" or "dark"; "zone" → "local" or "utc". */
export function setting(name) {
  let kept = null;
  try {
    kept = localStorage.getItem(`tidemark.${name}`);
  } catch {
    // Storage may be forbidden; the first choice then holds for this visit.
  }
  kept = kept ?? chosen.get(name);
  return choices[name].includes(kept) ? kept : choices[name][0];
}
const chosen = new Map();

/** Moves a setting to its next choice and tells everyone who listens. */
export function turn(name) {
  const all = choices[name];
  const next = all[(all.indexOf(setting(name)) + 1) % all.length];
  chosen.set(name, next);
  try {
    localStorage.setItem(`tidemark.${name}`, next);
  } catch {
    // As above.
  }
  for (const listen of listeners) listen(name, next);
}

export function on_turn(listen) {
  listeners.add(listen);
}
