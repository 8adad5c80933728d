// The filter of the live page. Words are joined by "and"; each is looked for, without regard to
// case, in an event's name, stream and correlation. "name:", "stream:", "correlation:" look in one
// place only, and a leading "-" excludes.

const places = ["name", "stream", "correlation"];

/** Text → predicate over events. The empty text lets everything through. */
export function compile_filter(text) {
  const terms = text
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .map(parse_term)
    .filter((term) => term.word);
  return (event) => terms.every((term) => matches(term, event) !== term.excluded);
}

const saga_event = /^tidemark\.saga_(\w+)\.v\d+$/;

/**
 * What a saga's own event is about: {kind: "input", about: "order.placed.v1"}, or null for every
 * other event. `about`: what was heard, the command of a step, a timer, the state it came to.
 */
export function saga_subject(event) {
  const kind = saga_event.exec(event.name)?.[1];
  if (!kind) return null;
  const { name, command, work_name, state } = event.payload ?? {};
  const about = { step: command?.name, step_outcome: work_name || state }[kind] || name || state;
  return { kind: kind.replace("_", " "), about: String(about ?? "") };
}

const texts = {
  name: (event) => `${event.name} ${saga_subject(event)?.about ?? ""}`,
  stream: (event) => event.stream,
  correlation: (event) => event.correlation ?? "",
};

function parse_term(raw) {
  const excluded = raw.startsWith("-");
  const body = excluded ? raw.slice(1) : raw;
  const place = places.find((name) => body.startsWith(`${name}:`));
  return {
    excluded,
    places: place ? [place] : places,
    word: place ? body.slice(place.length + 1) : body,
  };
}

function matches({ places: where, word }, event) {
  return where.some((place) => texts[place](event).toLowerCase().includes(word));
}
