// The commands an operator can paste into a shell. Everything that comes from the store is quoted.

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;
const default_origin = "http://127.0.0.1:8081";

/** A word as one shell word (POSIX quoting). */
export function quote(word) {
  const text = String(word);
  return plain.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

let program = "tidemark";

/** What the process that serves this console was run as: the commands begin with it. */
export function name_program(name) {
  if (name) program = name;
}

/**
 * `tidemark …`, or what the program is called, against the process at `origin`; the default
 * address is left out.
 */
export function cli(origin, ...words) {
  const target = origin === default_origin ? [] : ["--url", origin];
  return [program, ...words, ...target].map(quote).join(" ");
}

export function curl_get(origin, path) {
  return `curl -sS ${quote(origin + path)}`;
}

/** A POST with the header that the admin API asks of every change. */
export function curl_post(origin, path, body) {
  return [
    "curl -sS -X POST",
    quote(origin + path),
    "-H 'Tidemark-Admin: 1'",
    "-H 'Content-Type: application/json'",
    "-d",
    quote(JSON.stringify(body)),
  ].join(" ");
}

/** What can be done about a dead letter, the harmless command first. */
export function letter_commands(origin, effect) {
  const path = `/admin/v1/dead-letters/${encodeURIComponent(effect)}`;
  const because = (reason, dry_run) => ({ actor: "operator", reason, dry_run });
  return [
    { title: "Look at it", cli: cli(origin, "dlq", "show", effect), curl: curl_get(origin, path) },
    {
      title: "Try the replay, changing nothing",
      cli: cli(origin, "dlq", "replay", effect, "--dry-run"),
      curl: curl_post(origin, `${path}/replay`, because("check first", true)),
    },
    {
      title: "Replay it",
      cli: cli(origin, "dlq", "replay", effect, "--reason", "cause fixed"),
      curl: curl_post(origin, `${path}/replay`, because("cause fixed", false)),
    },
    {
      title: "Drop it for ever",
      cli: cli(origin, "dlq", "drop", effect, "--reason", "why it is safe"),
      curl: curl_post(origin, `${path}/drop`, { actor: "operator", reason: "why it is safe" }),
    },
  ];
}

/** How a stuck saga is let go on, the harmless command first. */
export function saga_commands(origin, stream) {
  const path = `/admin/v1/sagas/${encodeURIComponent(stream)}/resume`;
  const because = (reason, more) => ({ actor: "operator", reason, ...more });
  return [
    {
      title: "See what would be sent, changing nothing",
      cli: cli(origin, "saga", "resume", stream, "--reason", "check first", "--dry-run"),
      curl: curl_post(origin, path, because("check first", { dry_run: true })),
    },
    {
      title: "Send the refused undo again, once its cause is mended",
      cli: cli(origin, "saga", "resume", stream, "--reason", "cause fixed"),
      curl: curl_post(origin, path, because("cause fixed")),
    },
    {
      title: "Go on behind it, once the step is undone by hand",
      cli: cli(origin, "saga", "resume", stream, "--skip", "--reason", "undone by hand"),
      curl: curl_post(origin, path, because("undone by hand", { skip: true })),
    },
  ];
}
