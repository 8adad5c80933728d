// Back and forth through a list that the server hands out by cursor.

import { h, write } from "./dom.mjs";

const depth_max = 1000; // pages that "Back" can return to

/** `turned()` is called after each turn; the page then asks with `cursor()`. */
export function make_pager(turned) {
  let before = []; // cursors of the pages behind the current one
  let current = "";
  let following = null;
  const where = h("span", { class: "muted num" });
  const back = button("Back", () => {
    current = before.pop() ?? "";
  });
  const on = button("Next", () => {
    before = [...before.slice(-depth_max), current];
    current = following;
  });

  function button(label, move) {
    return h(
      "button",
      {
        type: "button",
        disabled: true,
        on: {
          click: () => {
            move();
            back.disabled = on.disabled = true; // until the answer is here
            turned();
          },
        },
      },
      label,
    );
  }

  return {
    node: h("div", { class: "pager" }, where, back, on),
    cursor: () => current,
    reset() {
      before = [];
      current = "";
    },
    show(next, count) {
      following = next;
      back.disabled = before.length === 0;
      on.disabled = !next;
      write(where, `${count} on page ${before.length + 1}`);
    },
  };
}
