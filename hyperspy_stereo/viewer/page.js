// Camera, drawing and controls of the page; follows page_solids.js in the same script.

// Camera ------------------------------------------------------------------------------------
const home = { azimuth: data.camera.azimuth, elevation: data.camera.elevation };
const eye = { ...home, zoom: 1, pan: [0, 0] };
const rad = Math.PI / 180;
function axes(azimuth, elevation) {
  const a = azimuth * rad, e = elevation * rad;
  const towards = [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)];
  const right = [Math.cos(a), 0, -Math.sin(a)];
  return [right, cross(towards, right), towards];
}
function fit(ax, aspect) {
  // The closest camera that sees all points, and what it looks at (in its own axes): each side
  // of the picture is a plane through the camera, and two opposite ones are touched.
  const seen = data.extent.map((p) => ax.map((u) => dot(u, p)));
  const z = seen.map((p) => p[2]), mid = [0, 0, (Math.min(...z) + Math.max(...z)) / 2];
  const tan = Math.tan(data.camera.fov * rad / 2);
  let distance = 1e-9;
  [tan * aspect, tan].forEach((slope, k) => {
    const above = Math.max(...seen.map((p) => p[k] + slope * p[2]));
    const below = Math.max(...seen.map((p) => -p[k] + slope * p[2]));
    mid[k] = (above - below) / 2;
    distance = Math.max(distance, (above + below) / (2 * slope) - mid[2]);
  });
  return { mid, distance };
}
// What was fitted to the window: the direction of the last view that a button chose.
const first = { aspect: 0, azimuth: home.azimuth, elevation: home.elevation };
function camera(shift) {
  // shift: degrees that this eye stands to the side, for stereo.
  const w = canvas.width, h = canvas.height, barRoom = state.bar ? 0.9 : 1;
  const aspect = (w / h) * barRoom;
  if (first.aspect !== aspect) {
    first.ax = axes(first.azimuth, first.elevation);
    Object.assign(first, { aspect }, fit(first.ax, aspect));
  }
  const target = [0, 1, 2].map((j) => [0, 1, 2].reduce((s, k) => s + first.mid[k] *
    first.ax[k][j], 0));
  const distance = first.distance * 1.1 / eye.zoom;
  const ax = axes(eye.azimuth + shift, eye.elevation);
  let at = add(target, ax[0], -eye.pan[0] * distance);
  at = add(at, ax[1], -eye.pan[1] * distance);
  const pos = add(at, ax[2], distance);
  const view = [0, 1, 2].flatMap((j) => [ax[0][j], ax[1][j], ax[2][j], 0]);
  view.push(-dot(ax[0], pos), -dot(ax[1], pos), -dot(ax[2], pos), 1);
  const tan = Math.tan(data.camera.fov * rad / 2), near = distance * 0.02;
  const far = distance + 6 * size;
  const proj = [h / w / tan, 0, 0, 0, 0, 1 / tan, 0, 0, 1 - barRoom, 0,
    -(far + near) / (far - near), -1, 0, 0, -2 * far * near / (far - near), 0];
  return { view, proj, pos, scale: 2 * tan * distance / h };
}

// Drawing -----------------------------------------------------------------------------------
const state = { thick: 1, low: -Infinity, high: Infinity, colour: data.colour, bar: false,
  spin: false, stereo: false, dark: false, faces: data.faces };
function use(prog, cam) {
  gl.useProgram(prog.id);
  gl.uniformMatrix4fv(prog.u.view, false, cam.view);
  gl.uniformMatrix4fv(prog.u.proj, false, cam.proj);
}
function tinted(item, mode, tint) {
  gl.uniform4fv(plain.u.tint, tint);
  gl.bindVertexArray(item.vao);
  gl.drawElements(mode, item.count, gl.UNSIGNED_INT, 0);
}
function box(cam, far) {
  use(plain, cam);
  gl.enable(gl.BLEND); gl.depthMask(false); gl.enable(gl.CULL_FACE);
  gl.cullFace(far ? gl.FRONT : gl.BACK);
  const face = state.dark ? [0.55, 0.65, 0.85] : [0.35, 0.42, 0.55];
  tinted(faces, gl.TRIANGLES, [...face, far ? 0.12 : 0.03]);
  gl.disable(gl.CULL_FACE); gl.depthMask(true);
  if (far) surfaces.forEach((s) => tinted(s, gl.TRIANGLES, s.tint));
  else tinted(edges, gl.LINES, state.dark ? [0.7, 0.76, 0.86, 0.9] : [0.2, 0.24, 0.31, 0.9]);
  gl.disable(gl.BLEND);
}
function lines(cam, paper) {
  use(solid, cam);
  const u = solid.u, none = [0, 0, 0, 0];
  gl.uniform1f(u.thick, state.thick); gl.uniform1f(u.grow, 0);
  gl.uniform2f(u.clip, state.low, state.high);
  gl.uniform1f(u.grey, state.stereo ? 1 : 0); gl.uniform1f(u.floorY, data.foil.low);
  // A shadow on the lower surface, each pixel once; none on an image.
  const shadow = !pictures.some(isShown);
  gl.enable(gl.BLEND); gl.enable(gl.STENCIL_TEST); gl.depthMask(false);
  gl.stencilFunc(gl.EQUAL, 0, 1); gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
  gl.uniform1f(u.flatten, 1);
  gl.uniform4f(u.flatColour, 0, 0.02, 0.06, state.dark ? 0.45 : 0.12);
  if (shadow) things.draw();
  gl.uniform1f(u.flatten, 0); gl.disable(gl.STENCIL_TEST); gl.depthMask(true);
  gl.disable(gl.BLEND);
  gl.uniform4fv(u.flatColour, none);
  things.draw();
  // A rim in the colour of the paper, so that it is seen which line passes in front.
  gl.enable(gl.CULL_FACE); gl.cullFace(gl.FRONT);
  gl.uniform1f(u.grow, 1.6 * cam.scale * (window.devicePixelRatio || 1));
  gl.uniform4f(u.flatColour, ...paper, 1);
  things.draw();
  gl.disable(gl.CULL_FACE);
  gl.uniform1f(u.grow, 0); gl.uniform4fv(u.flatColour, none);
  gl.uniform1f(u.thick, 1); gl.uniform2f(u.clip, -1e30, 1e30);
  frame.draw();
}
function render() {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const h = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  gl.viewport(0, 0, w, h);
  const paper = state.dark ? [0.063, 0.078, 0.106] : [1, 1, 1];
  gl.clearColor(...paper, 1); gl.colorMask(true, true, true, true);
  gl.clear(gl.COLOR_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL);
  gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE);
  const eyes = state.stereo ? [[-1.1, [true, false, false]], [1.1, [false, true, true]]]
    : [[0, [true, true, true]]];
  for (const [shift, mask] of eyes) {
    const cam = camera(shift);
    gl.colorMask(...mask, true);
    gl.clear(gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    box(cam, true); drawPictures(cam, true); lines(cam, paper); drawPictures(cam, false);
    box(cam, false);
  }
  place(camera(0), ratio);
  marks(camera(0));
}

// Texts -------------------------------------------------------------------------------------
const tags = data.labels.map((label) => {
  const tag = document.createElement("div");
  tag.textContent = label.text;
  byId("labels").appendChild(tag);
  return tag;
});
// Black on dark paper is turned to white.
const readable = (hex) => (state.dark && rgb(hex).every((x) => x < 0.3) ? "#e8ebf0" : hex);
function place(cam, ratio) {
  const times = (m, p) => [0, 1, 2, 3].map((i) => m[i] * p[0] + m[4 + i] * p[1] +
    m[8 + i] * p[2] + m[12 + i] * p[3]);
  data.labels.forEach((label, i) => {
    const q = times(cam.proj, times(cam.view, [...label.at, 1]));
    const x = (q[0] / q[3] + 1) / 2 * canvas.width, y = (1 - q[1] / q[3]) / 2 * canvas.height;
    tags[i].style.transform = `translate(${x / ratio}px, ${y / ratio}px) translate(-50%, -50%)`;
    tags[i].style.color = readable(label.colour);
    tags[i].at = [x, y];
  });
}
function niceTicks(low, high) {
  const raw = (high - low) / 9, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= raw);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) {
    out.push([v, String(+v.toPrecision(6)).replace("-", "\u2212")]);
  }
  return out;
}
function colourBy(name) {
  const scalar = data.scalars[name], bar = byId("bar");
  state.colour = name;
  if (!scalar) { bar.style.display = "none"; return; }
  const colours = bytes(scalar.colours);
  things.paint(colours);
  state.bar = Boolean(scalar.bar && colours.length);
  bar.style.display = state.bar ? "" : "none";
  const legend = byId("legend");
  legend.replaceChildren(...scalar.legend.map(([text, colour]) => {
    const entry = document.createElement("div"), swatch = document.createElement("span");
    swatch.style.background = colour;
    entry.append(swatch, text);
    return entry;
  }));
  legend.style.display = scalar.legend.length ? "" : "none";
  if (!state.bar) return;
  const ramp = byId("ramp"), ctx = ramp.getContext("2d");
  scalar.bar.forEach((c, i) => { ctx.fillStyle = `rgb(${c})`; ctx.fillRect(0, 63 - i, 1, 1); });
  byId("bar-label").textContent = scalar.label;
  const [low, high] = scalar.limits, ticks = byId("ticks");
  ticks.replaceChildren();
  state.ticks = high > low ? niceTicks(low, high).map(([v, t]) => [(v - low) / (high - low), t])
    : [[0.5, String(low)]];
  for (const [share, text] of state.ticks) {
    const tick = document.createElement("div");
    tick.textContent = text; tick.style.bottom = `${100 * share}%`;
    ticks.appendChild(tick);
  }
}

// Hands -------------------------------------------------------------------------------------
let asked = false;
const redraw = () => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (state.spin) { eye.azimuth += 0.25; redraw(); }
    render();
  });
};
const held = new Map();
canvas.addEventListener("pointerdown", (e) => {
  canvas.setPointerCapture(e.pointerId);
  held.set(e.pointerId, [e.clientX, e.clientY]);
  if (state.spin) byId("spin").click();
});
canvas.addEventListener("pointermove", (e) => {
  const before = held.get(e.pointerId);
  if (!before) return;
  const dx = e.clientX - before[0], dy = e.clientY - before[1], h = canvas.clientHeight;
  const spread = () => { const [a, b] = [...held.values()]; return Math.hypot(a[0] - b[0],
    a[1] - b[1]) || 1; };
  const old = held.size === 2 ? spread() : 0;
  held.set(e.pointerId, [e.clientX, e.clientY]);
  const move = 2 * Math.tan(data.camera.fov * rad / 2) / h;
  if (held.size === 2) {
    eye.zoom *= spread() / old;
    eye.pan = [eye.pan[0] + dx * move / 2, eye.pan[1] - dy * move / 2];
  } else if (e.shiftKey || e.buttons & 6) {
    eye.pan = [eye.pan[0] + dx * move, eye.pan[1] - dy * move];
  } else {
    eye.azimuth -= 0.4 * dx;
    eye.elevation = Math.max(-90, Math.min(90, eye.elevation + 0.4 * dy));
  }
  redraw();
});
const release = (e) => held.delete(e.pointerId);
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("contextmenu", (e) => e.preventDefault());
canvas.addEventListener("wheel", (e) => {
  e.preventDefault();
  eye.zoom = Math.max(0.2, Math.min(40, eye.zoom * Math.exp(-0.0012 * e.deltaY)));
  redraw();
}, { passive: false });
const go = (azimuth, elevation) => {
  Object.assign(eye, { azimuth, elevation, zoom: 1, pan: [0, 0] });
  Object.assign(first, { azimuth, elevation, aspect: 0 });
  redraw();
};
const views = { home: () => go(home.azimuth, home.elevation), image: () => go(0, -90),
  front: () => go(0, 0), side: () => go(90, 0) };
canvas.addEventListener("dblclick", views.home);
document.querySelectorAll("[data-view]").forEach((b) =>
  b.addEventListener("click", views[b.dataset.view]));
for (const name of ["spin", "stereo", "dark"]) {
  byId(name).addEventListener("click", (e) => {
    state[name] = !state[name];
    e.currentTarget.setAttribute("aria-pressed", state[name]);
    document.body.classList.toggle("dark", state.dark);
    paintBars();
    redraw();
  });
}
byId("thickness").addEventListener("input", (e) => {
  state.thick = 10 ** (0.6 * e.target.value); redraw();
});
const section = () => {
  const at = (id) => +byId(id).value, [a, b] = [at("low"), at("high")].sort((p, q) => p - q);
  const depth = (s) => data.foil.low + s * (data.foil.high - data.foil.low);
  state.low = a > 0 ? depth(a) : -1e30; state.high = b < 1 ? depth(b) : 1e30;
  redraw();
};
byId("low").addEventListener("input", section);
byId("high").addEventListener("input", section);
const faceChoice = byId("faces");
byId("faces-tool").style.display = pictures.length ? "" : "none";
faceChoice.value = state.faces;
faceChoice.addEventListener("change", () => { state.faces = faceChoice.value; redraw(); });
const select = byId("colour");
Object.keys(data.scalars).forEach((name) => select.add(new Option(name, name)));
byId("colour-tool").style.display = select.options.length ? "" : "none";
select.value = state.colour;
select.addEventListener("change", () => { colourBy(select.value); redraw(); });

byId("save").addEventListener("click", () => {
  render();
  const out = document.createElement("canvas"), ratio = window.devicePixelRatio || 1;
  out.width = canvas.width; out.height = canvas.height;
  const ctx = out.getContext("2d");
  ctx.drawImage(canvas, 0, 0);
  const family = getComputedStyle(document.body).fontFamily;
  ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.font = `700 ${16 * ratio}px ${family}`;
  data.labels.forEach((label, i) => {
    ctx.fillStyle = readable(label.colour); ctx.fillText(label.text, ...tags[i].at);
  });
  if (state.bar) {
    const box = byId("ramp").getBoundingClientRect(), own = canvas.getBoundingClientRect();
    const [x, y, w, h] = [box.left - own.left, box.top - own.top, box.width, box.height]
      .map((v) => v * ratio);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(byId("ramp"), x, y, w, h);
    ctx.fillStyle = getComputedStyle(document.body).color;
    ctx.font = `${14 * ratio}px ${family}`; ctx.textAlign = "left";
    state.ticks.forEach(([s, t]) => ctx.fillText(t, x + w + 9 * ratio, y + h * (1 - s)));
    ctx.save(); ctx.translate(x + w + 62 * ratio, y + h / 2); ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "center"; ctx.fillText(data.scalars[state.colour].label, 0, 0); ctx.restore();
  }
  const named = data.scalars[state.colour] ? data.scalars[state.colour].legend : [];
  const own = canvas.getBoundingClientRect();
  [...byId("legend").children].forEach((entry, i) => {
    const box = entry.getBoundingClientRect();
    const x = (box.left - own.left) * ratio, y = (box.top - own.top + box.height / 2) * ratio;
    ctx.fillStyle = named[i][1]; ctx.fillRect(x, y - 2 * ratio, 18 * ratio, 4 * ratio);
    ctx.fillStyle = getComputedStyle(document.body).color;
    ctx.font = `${14 * ratio}px ${family}`; ctx.textAlign = "left";
    ctx.fillText(named[i][0], x + 26 * ratio, y);
  });
  out.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob); link.download = "network.png"; link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
});

const paintBars = () => frame.paint(Uint8Array.from(data.bars.flatMap((bar) =>
  rgb(readable(bar.colour)).map((x) => 255 * x))));

section();
paintBars();
colourBy(state.colour);
if (!things.count) message.textContent = "Nothing was matched: the foil is empty.";
new ResizeObserver(redraw).observe(canvas);
redraw();
