// The sheet at the right edge. Escape closes it and gives the focus back to where it was.

import { fill, h } from "./dom.mjs";

let return_to = null;
const sheet = () => document.getElementById("drawer");

/** Shows `content` under a title. `from`: the element that gets the focus back. */
export function open_drawer(title, content, from = document.activeElement) {
  const close = h(
    "button",
    { type: "button", class: "quiet", "aria-label": "Close", on: { click: close_drawer } },
    "Close ",
    h("kbd", {}, "Esc"),
  );
  return_to = from;
  fill(
    sheet(),
    h("header", {}, h("h2", {}, title), close),
    h("div", { class: "drawer-body" }, content),
  );
  sheet().hidden = false;
  close.focus({ preventScroll: true });
}

/** True if there was something to close. */
export function close_drawer() {
  if (sheet().hidden) return false;
  sheet().hidden = true;
  sheet().replaceChildren();
  if (return_to?.isConnected) return_to.focus({ preventScroll: true });
  return_to = null;
  return true;
}
