// A bounded queue of the newest items: at the bound the oldest is dropped and counted.

export function make_ring(limit) {
  let items = [];
  let dropped = 0;
  return {
    push(item) {
      items.push(item);
      // Trimmed in steps, so that a push stays cheap: at most twice the bound is ever held.
      if (items.length >= limit * 2) trim();
    },
    /** Oldest first, at most `limit`. */
    list() {
      trim();
      return items;
    },
    clear() {
      items = [];
      dropped = 0;
    },
    get dropped() {
      trim();
      return dropped;
    },
  };

  function trim() {
    if (items.length <= limit) return;
    dropped += items.length - limit;
    items = items.slice(-limit);
  }
}
