// Reads one stream and remembers what cannot change: a stored event, a state at a version.

import { read } from "./api.mjs";

export const page_size = 100;
const pages_max = 20;
const states_max = 200;

/** Keeps at most `limit` promises; the one asked for longest ago goes. Failed ones are not kept. */
function make_cache(limit) {
  const kept = new Map();
  return (key, load) => {
    const known = kept.get(key);
    kept.delete(key);
    const value = known ?? load();
    kept.set(key, value);
    if (!known) value.catch(() => kept.delete(key));
    if (kept.size > limit) kept.delete(kept.keys().next().value);
    return value;
  };
}

/** Readers of the stream; all of them end when `signal` fires. */
export function make_stream_reader(stream, signal) {
  const full_pages = make_cache(pages_max);
  const states = make_cache(states_max);
  let head_known = 0;

  async function load(from, limit) {
    const { items } = await read(["streams", stream, "events"], { from, limit }, { signal });
    return items;
  }

  return {
    /** The events of the page of versions that `version` is on, oldest first. */
    page_of(version) {
      const page = Math.floor((version - 1) / page_size);
      // The last page still grows: it is kept under the head that it was read at.
      const key = (page + 1) * page_size <= head_known ? `${page}` : `${page}@${head_known}`;
      return full_pages(key, () => load(page * page_size + 1, page_size));
    },
    /** {name, state, changed} at a version. */
    state_at: (version) =>
      states(version, () =>
        read(["streams", stream, "state"], { at: version }, { signal, timeout: 15000 }),
      ),
    /** The newest version; `known` is where the look begins, 0 for the first time. */
    async head(known) {
      if (known === 0) {
        const { version } = await read(
          ["streams", stream, "state"],
          {},
          { signal, timeout: 15000 },
        );
        head_known = version;
      } else {
        const further = await load(known + 1, page_size);
        if (further.length) head_known = further.at(-1).version;
      }
      return head_known;
    },
  };
}
