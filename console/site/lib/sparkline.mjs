// A small line of the last two minutes. The geometry is pure; drawing is own canvas code.

/** Values → points inside width × height; the newest value is at the right edge. */
export function points_of(values, { width, height, slots, top }) {
  const step = slots > 1 ? width / (slots - 1) : width;
  const from = width - (values.length - 1) * step;
  return values.map((value, at) => [
    from + at * step,
    height - (Math.min(value, top) / top) * height,
  ]);
}

/** The next round number at or above the greatest value: the line does not jump at each sample. */
export function round_top(values, least = 1) {
  const top = Math.max(least, ...values);
  const scale = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 5, 10].map((n) => n * scale).find((n) => n >= top * 0.999);
}

/** A canvas with `draw(values)`; its colour is the element's CSS colour. */
export function make_sparkline({ label, slots_min = 30, least = 1 }) {
  const canvas = document.createElement("canvas");
  canvas.className = "sparkline";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  let last = [];

  function draw(values = last) {
    last = values;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (width === 0) return;
    const dense = window.devicePixelRatio || 1;
    const pixels = [Math.round(width * dense), Math.round(height * dense)];
    if (canvas.width !== pixels[0]) canvas.width = pixels[0];
    if (canvas.height !== pixels[1]) canvas.height = pixels[1];
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    stroke(pen, values, width, height, getComputedStyle(canvas).color);
  }

  function stroke(pen, values, width, height, colour) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.globalAlpha = 0.22;
    pen.fillRect(0, height - 1, width, 1);
    if (values.length === 0) return;
    // The line stretches until its history is full: a minute after the start it is not a stub.
    const slots = Math.max(slots_min, values.length);
    const box = { width: width - 3, height: height - 5, slots, top: round_top(values, least) };
    const points = points_of(values, box).map(([x, y]) => [x, y + 3]);
    const line = new Path2D();
    points.forEach(([x, y], at) => (at === 0 ? line.moveTo(x, y) : line.lineTo(x, y)));
    const area = new Path2D(line);
    area.lineTo(points.at(-1)[0], height);
    area.lineTo(points[0][0], height);
    pen.globalAlpha = 0.12;
    pen.fill(area);
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.lineJoin = "round";
    pen.stroke(line);
    pen.beginPath();
    pen.arc(points.at(-1)[0], points.at(-1)[1], 2.2, 0, 2 * Math.PI);
    pen.fill();
  }

  return { node: canvas, draw };
}
