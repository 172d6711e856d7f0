// Two clicks on lines measure between them; follows page.js in the same script.
const measure = { points: data.lines ? floats(data.lines.points) : null, ends: [], on: false };
measure.sigma = data.lines && data.lines.sigma ? floats(data.lines.sigma) : null;
byId("measure").style.display = measure.points && measure.points.length ? "" : "none";
const pointAt = (i) => [0, 1, 2].map((k) => measure.points[3 * i + k]);
const sigmaAt = (i) => (measure.sigma ? [0, 1, 2].map((k) => Math.abs(measure.sigma[3 * i + k]))
  : [0, 0, 0]);
function onScreen(cam, p) {
  const times = (m, q) => [0, 1, 2, 3].map((i) => m[i] * q[0] + m[4 + i] * q[1] + m[8 + i] * q[2] +
    m[12 + i] * q[3]);
  const q = times(cam.proj, times(cam.view, [...p, 1]));
  const r = window.devicePixelRatio || 1;
  return [(q[0] / q[3] + 1) / 2 * canvas.width / r, (1 - q[1] / q[3]) / 2 * canvas.height / r,
    q[2] / q[3]];
}
function nearest(x, y) {
  // Of the points within 12 px the one that is closest to the eye; nothing of a hidden section.
  const cam = camera(0);
  let best = null;
  for (let i = 0; 3 * i < measure.points.length; i++) {
    const p = pointAt(i);
    if (p[1] < state.low || p[1] > state.high) continue;
    const s = onScreen(cam, p), off = Math.hypot(s[0] - x, s[1] - y);
    if (off < 12 && (!best || off + 60 * s[2] < best.cost)) best = { i, cost: off + 60 * s[2] };
  }
  return best ? best.i : null;
}
const withError = (value, error) => {
  const digits = error > 0 ? Math.max(0, 1 - Math.floor(Math.log10(error))) : 1;
  return error > 0 ? `${value.toFixed(digits)} \u00b1 ${error.toFixed(digits)}` :
    value.toFixed(1);
};
function say() {
  const box = byId("measured"), [a, b] = measure.ends;
  box.style.display = measure.on ? "" : "none";
  if (b === undefined) {
    box.textContent = a === undefined ? "Click on a line" : "Click on a second place";
    return;
  }
  const step = add(pointAt(b), pointAt(a), -1);
  const variance = [0, 1, 2].map((k) => sigmaAt(a)[k] ** 2 + sigmaAt(b)[k] ** 2);
  const error = (g) => Math.sqrt(g.reduce((s, v, k) => s + v * v * variance[k], 0));
  const distance = Math.hypot(...step), level = Math.hypot(step[0], step[2]);
  const along = step.map((v) => v / (distance || 1));
  const lean = level > 0 ? [-step[1] * step[0] / level, level, -step[1] * step[2] / level]
    .map((v) => v / distance ** 2) : [1 / distance, 0, 1 / distance];
  const degrees = 180 / Math.PI, u = data.units;
  box.textContent = `distance ${withError(distance, error(along))} ${u}, depth difference ` +
    `${withError(step[1], Math.sqrt(variance[1]))} ${u}, inclination ` +
    `${withError(degrees * Math.atan2(step[1], level), Math.min(90, degrees * error(lean)))}\u00b0`;
}
function marks(cam) {
  const ends = measure.on ? measure.ends.map((i) => onScreen(cam, pointAt(i))) : [];
  ["mark-a", "mark-b"].forEach((id, k) => {
    byId(id).style.display = ends[k] ? "block" : "none";
    if (ends[k]) byId(id).style.transform =
      `translate(${ends[k][0]}px, ${ends[k][1]}px) translate(-50%, -50%)`;
  });
  const bar = byId("mark-bar");
  bar.style.display = ends[1] ? "block" : "none";
  if (!ends[1]) return;
  const [[x, y], [x2, y2]] = ends;
  bar.style.width = `${Math.hypot(x2 - x, y2 - y)}px`;
  bar.style.transform = `translate(${x}px, ${y}px) rotate(${Math.atan2(y2 - y, x2 - x)}rad)`;
}
byId("measure").addEventListener("click", (e) => {
  measure.on = !measure.on;
  measure.ends = [];
  e.currentTarget.setAttribute("aria-pressed", measure.on);
  say(); redraw();
});
let pressedAt = null;
canvas.addEventListener("pointerdown", (e) => { pressedAt = [e.clientX, e.clientY]; });
canvas.addEventListener("pointerup", (e) => {
  const still = pressedAt && Math.hypot(e.clientX - pressedAt[0], e.clientY - pressedAt[1]) < 4;
  if (!measure.on || !still) return;
  const own = canvas.getBoundingClientRect();
  const i = nearest(e.clientX - own.left, e.clientY - own.top);
  if (i === null) return;
  measure.ends = measure.ends.length === 1 ? [...measure.ends, i] : [i];
  say(); redraw();
});
