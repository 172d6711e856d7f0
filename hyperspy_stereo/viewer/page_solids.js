"use strict";
// What the page shows, as buffers of WebGL 2. Coordinates are y-up: (x, z, -y) of the specimen.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const canvas = byId("view"), message = byId("message");
const gl = canvas.getContext("webgl2", { antialias: true, stencil: true, alpha: false,
  preserveDrawingBuffer: true });
if (!gl) {
  message.textContent = "This browser has no WebGL 2.";
  throw new Error("no WebGL 2");
}

// Small vectors -----------------------------------------------------------------------------
const add = (a, b, s = 1) => [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0]];
const unit = (a) => { const n = Math.hypot(...a) || 1; return a.map((x) => x / n); };
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
const ints = (text) => new Uint32Array(bytes(text).buffer);

// Programs ----------------------------------------------------------------------------------
const SOLID_VS = `#version 300 es
  in vec3 centre; in vec3 dir; in float radius; in vec3 colour;
  uniform mat4 view, proj; uniform float thick, grow, floorY, flatten;
  out vec3 n, c, v; out float depth;
  void main() {
    vec3 p = centre + dir * (radius * thick + grow);
    if (flatten > 0.5) p.y = floorY;
    vec4 q = view * vec4(p, 1.0);
    n = mat3(view) * dir; v = -q.xyz; c = colour; depth = centre.y;
    gl_Position = proj * q;
  }`;
const SOLID_FS = `#version 300 es
  precision highp float;
  in vec3 n, c, v; in float depth; out vec4 o;
  uniform vec2 clip; uniform vec4 flatColour; uniform float grey;
  void main() {
    if (depth < clip.x || depth > clip.y) discard;
    if (flatColour.a > 0.0) { o = flatColour; return; }
    vec3 N = normalize(n), V = normalize(v), L = normalize(vec3(-0.45, 0.65, 0.62));
    float diffuse = max(dot(N, L), 0.0);
    float sky = 0.5 + 0.5 * N.y;
    float shine = pow(max(dot(N, normalize(L + V)), 0.0), 42.0);
    float rim = mix(0.55, 1.0, smoothstep(0.0, 0.55, max(dot(N, V), 0.0)));
    vec3 base = mix(c, vec3(dot(c, vec3(0.3, 0.59, 0.11)) * 0.7 + 0.15), grey);
    o = vec4(base * (0.42 + 0.2 * sky + 0.58 * diffuse) * rim + 0.26 * shine, 1.0);
  }`;
const PLAIN_VS = `#version 300 es
  in vec3 at; uniform mat4 view, proj;
  void main() { gl_Position = proj * view * vec4(at, 1.0); }`;
const PLAIN_FS = `#version 300 es
  precision highp float; uniform vec4 tint; out vec4 o;
  void main() { o = tint; }`;

function program(vs, fs) {
  const p = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, vs], [gl.FRAGMENT_SHADER, fs]]) {
    const s = gl.createShader(type);
    gl.shaderSource(s, text); gl.compileShader(s);
    if (!gl.getShaderParameter(s, gl.COMPILE_STATUS)) throw gl.getShaderInfoLog(s);
    gl.attachShader(p, s);
  }
  gl.linkProgram(p);
  const out = { id: p, u: {}, a: {} };
  for (let i = 0; i < gl.getProgramParameter(p, gl.ACTIVE_UNIFORMS); i++) {
    const name = gl.getActiveUniform(p, i).name;
    out.u[name] = gl.getUniformLocation(p, name);
  }
  for (let i = 0; i < gl.getProgramParameter(p, gl.ACTIVE_ATTRIBUTES); i++) {
    const name = gl.getActiveAttrib(p, i).name;
    out.a[name] = gl.getAttribLocation(p, name);
  }
  return out;
}
const solid = program(SOLID_VS, SOLID_FS), plain = program(PLAIN_VS, PLAIN_FS);

// Solids: every vertex is a centre and a unit direction to push it along ----------------------
class Solid {
  constructor() { this.centre = []; this.dir = []; this.radius = []; this.source = [];
    this.index = []; }
  vertex(c, d, r, s) {
    this.centre.push(c[0], c[1], c[2]); this.dir.push(d[0], d[1], d[2]);
    this.radius.push(r); this.source.push(s);
    return this.source.length - 1;
  }
  tube(points, tangents, normals, first, last, radius) {
    const SIDES = 12, CAP = 3;
    let before = null;
    const ring = (i, lean) => {
      // lean: 0 across the line, +-1 along it (the tip of a round cap).
      const t = tangents(i), n = normals(i), b = cross(t, n), now = [];
      const side = Math.cos(lean * Math.PI / 2), along = Math.sin(lean * Math.PI / 2);
      for (let k = 0; k < SIDES; k++) {
        const a = 2 * Math.PI * k / SIDES, x = Math.cos(a) * side, y = Math.sin(a) * side;
        const d = [0, 1, 2].map((j) => x * n[j] + y * b[j] + along * t[j]);
        now.push(this.vertex(points(i), d, radius, i));
      }
      for (let k = 0; before && k < SIDES; k++) {
        const m = (k + 1) % SIDES;
        this.index.push(before[k], before[m], now[m], before[k], now[m], now[k]);
      }
      before = now;
    };
    for (let k = -CAP; k < 0; k++) ring(first, k / CAP);
    for (let i = first; i <= last; i++) ring(i, 0);
    for (let k = 1; k <= CAP; k++) ring(last, k / CAP);
  }
  upload() {
    this.vao = gl.createVertexArray(); gl.bindVertexArray(this.vao);
    const put = (name, values, size) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.STATIC_DRAW);
      gl.enableVertexAttribArray(solid.a[name]);
      gl.vertexAttribPointer(solid.a[name], size, gl.FLOAT, false, 0, 0);
    };
    put("centre", this.centre, 3); put("dir", this.dir, 3); put("radius", this.radius, 1);
    this.colours = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.enableVertexAttribArray(solid.a.colour);
    gl.vertexAttribPointer(solid.a.colour, 3, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(this.index), gl.STATIC_DRAW);
    this.count = this.index.length;
    this.centre = this.dir = this.radius = this.index = null;
    return this;
  }
  paint(perPoint) {
    const out = new Uint8Array(3 * this.source.length);
    this.source.forEach((s, i) => out.set(perPoint.subarray(3 * s, 3 * s + 3), 3 * i));
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.bufferData(gl.ARRAY_BUFFER, out, gl.STATIC_DRAW);
  }
  draw() {
    if (!this.count) return;
    gl.bindVertexArray(this.vao);
    gl.drawElements(gl.TRIANGLES, this.count, gl.UNSIGNED_INT, 0);
  }
}

function contents() {
  const out = new Solid();
  if (data.lines) {
    const [p, t, n] = ["points", "tangents", "normals"].map((k) => floats(data.lines[k]));
    const row = (a) => (i) => [a[3 * i], a[3 * i + 1], a[3 * i + 2]];
    const starts = [...data.lines.starts, p.length / 3];
    for (let k = 0; k + 1 < starts.length; k++) {
      out.tube(row(p), row(t), row(n), starts[k], starts[k + 1] - 1, data.lines.radius);
    }
  }
  if (data.balls) {
    const [c, r, u] = ["centres", "radius", "unit"].map((k) => floats(data.balls[k]));
    const faces = ints(data.balls.triangles);
    for (let i = 0; i < r.length; i++) {
      const first = out.source.length;
      for (let j = 0; j < u.length; j += 3) {
        out.vertex(c.subarray(3 * i, 3 * i + 3), u.subarray(j, j + 3), r[i], i);
      }
      faces.forEach((f) => out.index.push(first + f));
    }
  }
  return out.upload();
}

function bars(size) {
  const out = new Solid();
  data.bars.forEach((bar, i) => {
    const t = unit(add(bar.end, bar.start, -1));
    const n = unit(cross(t, Math.abs(t[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0]));
    const first = out.source.length;
    out.tube((k) => (k ? bar.end : bar.start), () => t, () => n, 0, 1, bar.width * size * 0.0012);
    out.source.fill(i, first);
  });
  return out.upload();
}

function shape(points, index) {
  const vao = gl.createVertexArray(); gl.bindVertexArray(vao);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(points), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(plain.a.at);
  gl.vertexAttribPointer(plain.a.at, 3, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(index), gl.STATIC_DRAW);
  return { vao, count: index.length };
}

// Faces are wound so that their front looks outwards.
const corners = data.foil.vertices;
const middle = corners.reduce((s, p) => add(s, p, 1 / corners.length), [0, 0, 0]);
const outwards = (f) => {
  const n = cross(add(corners[f[1]], corners[f[0]], -1), add(corners[f[2]], corners[f[1]], -1));
  return dot(n, add(corners[f[0]], middle, -1)) > 0 ? f : [...f].reverse();
};
const quads = data.foil.faces.map(outwards).flatMap((f) => [f[0], f[1], f[2], f[0], f[2], f[3]]);
const faces = shape(corners.flat(), quads), edges = shape(corners.flat(), data.foil.edges.flat());
const size = Math.max(...[0, 1, 2].map((k) =>
  Math.max(...corners.map((p) => p[k])) - Math.min(...corners.map((p) => p[k]))));
const surfaces = data.meshes.map((m) => ({ ...shape(floats(m.vertices), ints(m.triangles)),
  tint: [...rgb(m.colour), m.opacity] }));
const things = contents(), frame = bars(size);
