// Views on the surfaces of the foil; follows page_solids.js in the same script.
const PICTURE_VS = `#version 300 es
  in vec3 at; in vec2 uv; uniform mat4 view, proj; out vec2 t;
  void main() { t = uv; gl_Position = proj * view * vec4(at, 1.0); }`;
const PICTURE_FS = `#version 300 es
  precision highp float; in vec2 t; uniform sampler2D image; uniform float veil; out vec4 o;
  void main() { vec4 c = texture(image, t); o = vec4(c.rgb, c.a * veil); }`;
const flat = data.pictures.length ? program(PICTURE_VS, PICTURE_FS) : null;
const pictures = data.pictures.map((picture) => {
  const vao = gl.createVertexArray(); gl.bindVertexArray(vao);
  const put = (name, values, n) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(flat.a[name]);
    gl.vertexAttribPointer(flat.a[name], n, gl.FLOAT, false, 0, 0);
  };
  put("at", picture.corners.flat(), 3);
  put("uv", [0, 0, 1, 0, 1, 1, 0, 1], 2);
  const out = { side: picture.side, vao, texture: null, y: picture.corners[0][1] };
  const image = new Image();
  image.onload = () => {
    out.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, out.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    }
    redraw();
  };
  image.src = `data:image/png;base64,${picture.png}`;
  return out;
});
const isShown = (picture) => state.faces === "both" || state.faces === picture.side;
function drawPictures(cam, far) {
  // Behind the lines as it is; before them as a veil.
  for (const picture of pictures) {
    if (!picture.texture || !isShown(picture)) continue;
    const below = picture.side === "low";
    const isFar = below ? cam.pos[1] > picture.y : cam.pos[1] < picture.y;
    if (isFar !== far) continue;
    gl.useProgram(flat.id);
    gl.uniformMatrix4fv(flat.u.view, false, cam.view);
    gl.uniformMatrix4fv(flat.u.proj, false, cam.proj);
    gl.uniform1f(flat.u.veil, far ? 0.9 : 0.25);
    gl.bindTexture(gl.TEXTURE_2D, picture.texture);
    gl.bindVertexArray(picture.vao);
    gl.enable(gl.BLEND); gl.depthMask(false);
    gl.drawArrays(gl.TRIANGLE_FAN, 0, 4);
    gl.depthMask(true); gl.disable(gl.BLEND);
  }
}
