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

/** The name of what a saga heard, if the event is a stored saga input. */
export function input_name(event) {
  return event.name === "tidemark.saga_input.v1" ? (event.payload?.name ?? "") : "";
}

const texts = {
  name: (event) => `${event.name} ${input_name(event)}`,
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
