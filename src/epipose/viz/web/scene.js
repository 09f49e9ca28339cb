// 3D scene of cameras and skeletons on a 2D canvas, without a library and without WebGL. The data format is described in
// epipose/viz/scene_data.py. `Epipose.mount(element, data)` puts the scene with its controls into an element;
// `Epipose.Player` is the clock that scene, videos and plots share.
"use strict";
const Epipose = (() => {
  const MISSING = -32768;
  const SIDES = ["#268bff", "#ff7a1a", "#e8e8ee"]; // left, right, middle: the colours of the images
  const PEOPLE = ["#4da3ff", "#ffb000", "#3ecf8e", "#e26fd2", "#ff6b6b", "#8c7dff", "#c8d64b", "#4bd6d6"];
  const FIELD = (42 * Math.PI) / 180, NEAR = 0.05, SIGMAS = 2;

  const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const along = (a, s, b) => [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => { const n = Math.hypot(...a) || 1; return [a[0] / n, a[1] / n, a[2] / n]; };

  /** The 16-bit numbers of a base64 text. */
  function numbers(text) {
    if (!text) return new Int16Array(0);
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  }
  /** Data as it comes in JSON, with its arrays decoded; once for each object. */
  function decoded(data) {
    if (!data.points) { data.points = numbers(data.xyz); data.pixels = numbers(data.uv); }
    return data;
  }
  const personColor = (data, person, side) => (data.people.length > 1 ? PEOPLE[person % PEOPLE.length] : SIDES[side]);

  /** The clock: a step that runs while playing, and listeners that are told of every change. */
  class Player {
    constructor(data) {
      this.steps = data.steps; this.rate = data.fps / data.stride; this.speed = 1;
      this.time = 0; this.playing = false; this.listeners = [];
    }
    get step() { return Math.max(0, Math.min(this.steps - 1, Math.floor(this.time))); }
    on(listener) { this.listeners.push(listener); listener(this); return this; }
    tell() { for (const listener of this.listeners) listener(this); }
    seek(step) { this.time = Math.max(0, Math.min(this.steps - 1, step)); this.tell(); }
    toggle(playing = !this.playing) {
      if (playing === this.playing || (playing && this.steps < 2)) return;
      this.playing = playing;
      let before = performance.now();
      const tick = (now) => {
        if (!this.playing) return;
        // A page that was hidden for minutes goes on where it was.
        this.time = (this.time + Math.min(now - before, 250) / 1000 * this.rate * this.speed + this.steps) % this.steps;
        before = now;
        this.tell();
        requestAnimationFrame(tick);
      };
      if (playing) requestAnimationFrame(tick);
      this.tell();
    }
  }

  /** The scene on a canvas: drag or one finger turns, wheel or two fingers zoom, Shift or two fingers move it. */
  class Scene {
    constructor(canvas, data, player, host = null) {
      this.host = host; // of a scene among other content, which must scroll
      this.canvas = canvas; this.data = decoded(data); this.player = player;
      this.home();
      this.handle();
      new ResizeObserver(() => this.redraw()).observe(canvas);
      player.on(() => this.redraw());
    }
    home() {
      const v = this.data.viewpoint;
      Object.assign(this, { target: [...v.target], azimuth: v.azimuth, elevation: v.elevation, distance: v.distance });
      this.fitted = false;
      if (this.player) this.redraw();
    }
    /** Go back until all cameras are in the image, or the scene is three times as far away. */
    fit() {
      const away = this.distance;
      for (this.look(); this.distance < 3 * away; this.distance *= 1.05, this.look()) {
        const outside = this.data.cameras.some((camera) => {
          const q = this.seen(camera.position);
          return q[2] < NEAR || Math.abs(this.flat(q)[0] - this.width / 2) > 0.46 * this.width;
        });
        if (!outside) break;
      }
      this.fitted = true;
    }
    zoom(factor) { this.distance = Math.max(0.5, Math.min(200, this.distance * factor)); this.redraw(); }
    turn(dx, dy) {
      this.azimuth -= dx * 0.008;
      this.elevation = Math.max(-0.2, Math.min(1.55, this.elevation + dy * 0.008));
      this.redraw();
    }
    move(dx, dy) {
      const s = this.distance / this.scale;
      this.target = along(along(this.target, -dx * s, this.right), dy * s, this.up);
      this.redraw();
    }
    handle() {
      const at = new Map(), c = this.canvas; // pointers that are down
      c.style.touchAction = this.host ? "pan-y" : "none"; c.style.cursor = "grab";
      const spread = () => { const [a, b] = [...at.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]) || 1; };
      c.addEventListener("pointerdown", (e) => { c.setPointerCapture(e.pointerId); at.set(e.pointerId, [e.clientX, e.clientY]); });
      c.addEventListener("pointermove", (e) => {
        const before = at.get(e.pointerId);
        if (!before) return;
        const wide = at.size === 2 ? spread() : 0, dx = e.clientX - before[0], dy = e.clientY - before[1];
        at.set(e.pointerId, [e.clientX, e.clientY]);
        if (at.size === 2) { this.move(dx / 2, dy / 2); this.zoom(wide / spread()); }
        else if (e.shiftKey || e.buttons & 6) this.move(dx, dy);
        else this.turn(dx, dy);
      });
      for (const end of ["pointerup", "pointercancel"]) c.addEventListener(end, (e) => at.delete(e.pointerId));
      c.addEventListener("wheel", (e) => {
        if (this.host && !this.host.contains(document.activeElement)) return; // the page scrolls, until one clicks
        e.preventDefault();
        this.zoom(Math.exp(e.deltaY * 0.0012));
      }, { passive: false });
      c.addEventListener("contextmenu", (e) => e.preventDefault());
      c.addEventListener("dblclick", () => this.home());
    }
    /** Draw at the browser's next frame, once however often it is asked for. */
    redraw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.draw(); });
    }
    look() {
      const [ca, sa, ce, se] = [Math.cos(this.azimuth), Math.sin(this.azimuth), Math.cos(this.elevation), Math.sin(this.elevation)];
      this.eye = along(this.target, this.distance, [ce * ca, ce * sa, se]);
      this.ahead = unit(sub(this.target, this.eye));
      this.right = unit(cross(this.ahead, [0, 0, 1]));
      this.up = cross(this.right, this.ahead);
      const ratio = Math.min(window.devicePixelRatio || 1, 2), c = this.canvas;
      const [w, h] = [Math.round(c.clientWidth * ratio), Math.round(c.clientHeight * ratio)];
      if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
      this.pen = c.getContext("2d");
      this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      [this.width, this.height] = [c.clientWidth, c.clientHeight];
      this.scale = Math.min(this.height, this.width * 0.64) / 2 / Math.tan(FIELD / 2);
    }
    /** A point in the axes of the eye. */
    seen(p) { const d = sub(p, this.eye); return [dot(d, this.right), dot(d, this.up), dot(d, this.ahead)]; }
    flat(q) { const s = this.scale / q[2]; return [this.width / 2 + s * q[0], this.height / 2 - s * q[1]]; }
    line(a, b, color, width = 1) {
      let [p, q] = [this.seen(a), this.seen(b)];
      if (p[2] < NEAR && q[2] < NEAR) return;
      const cut = (o, i) => along(o, (NEAR - o[2]) / (i[2] - o[2]), sub(i, o)); // where the line passes the near plane
      if (p[2] < NEAR) p = cut(p, q);
      if (q[2] < NEAR) q = cut(q, p);
      const [x, y] = [this.flat(p), this.flat(q)];
      this.pen.strokeStyle = color; this.pen.lineWidth = width;
      this.pen.beginPath(); this.pen.moveTo(...x); this.pen.lineTo(y[0] + 0.01, y[1]); this.pen.stroke();
    }
    /** Lines from point to point, in one stroke where all are before the eye. */
    lines(points, color, width = 1) {
      const seen = points.map((p) => this.seen(p));
      if (seen.some((q) => q[2] < NEAR)) return points.slice(1).forEach((p, i) => this.line(points[i], p, color, width));
      this.pen.strokeStyle = color; this.pen.lineWidth = width;
      this.pen.beginPath();
      for (const q of seen) this.pen.lineTo(...this.flat(q));
      this.pen.stroke();
    }
    draw() {
      this.look();
      if (!this.width || !this.height) return;
      if (!this.fitted) this.fit();
      this.pen.lineCap = "round";
      this.pen.fillStyle = "#16181d"; this.pen.fillRect(0, 0, this.width, this.height);
      if (this.data.floor) this.floor();
      if (this.data.points.length) this.people(this.player.step);
      for (const camera of this.data.cameras) this.camera(camera);
    }
    floor() {
      const n = this.data.floor;
      for (let i = -n; i <= n; i++) {
        const color = i === 0 ? "#4a5060" : "#2b2f38";
        this.line([i, -n, 0], [i, n, 0], color); this.line([-n, i, 0], [n, i, 0], color);
      }
      this.lines(this.data.path, "rgba(255, 200, 60, .55)", 1.5);
    }
    joint(step, person, joint) {
      const d = this.data, at = 3 * ((step * d.people.length + person) * d.joints + joint), x = d.points;
      return x[at] === MISSING ? null : [x[at] * d.unit, x[at + 1] * d.unit, x[at + 2] * d.unit];
    }
    /** Bones as lines as thick as they are near, the far ones first; a shadow on the floor shows where people stand. */
    people(step) {
      const bones = [];
      for (let person = 0; person < this.data.people.length; person++) {
        const seen = Array.from({ length: this.data.joints }, (_, joint) => this.joint(step, person, joint));
        for (const [parent, child, side, radius] of this.data.bones) {
          const [a, b] = [seen[parent], seen[child]];
          if (!a || !b) continue;
          const depth = (this.seen(a)[2] + this.seen(b)[2]) / 2;
          if (depth > NEAR) bones.push({ a, b, depth, radius, color: personColor(this.data, person, side) });
        }
        this.head(bones, seen, personColor(this.data, person, 2));
      }
      const wide = (bone) => Math.max(1.5, 2 * bone.radius * this.scale / bone.depth);
      if (this.data.floor) for (const bone of bones) this.line([bone.a[0], bone.a[1], 0], [bone.b[0], bone.b[1], 0], "rgba(0, 0, 0, .35)", wide(bone));
      bones.sort((one, other) => other.depth - one.depth);
      for (const bone of bones) {
        this.line(bone.a, bone.b, "#0d0e11", wide(bone) + 2);
        this.line(bone.a, bone.b, bone.color, wide(bone));
      }
    }
    /** A head and a neck among the bones: ears alone would hang in the air. */
    head(bones, seen, color) {
      const middle = (joints) => {
        const known = joints.map((joint) => seen[joint]).filter(Boolean);
        return known.length && known.length === joints.length ? [0, 1, 2].map((i) => known.reduce((sum, p) => sum + p[i], 0) / known.length) : null;
      };
      const [head, neck] = [middle(this.data.head), middle(this.data.neck)];
      if (!head) return;
      const depth = this.seen(head)[2];
      if (depth < NEAR) return;
      bones.push({ a: head, b: head, depth, radius: 0.085, color });
      if (neck) bones.push({ a: neck, b: head, depth: depth + 0.05, radius: 0.025, color });
    }
    /** A frustum, the ball in which its centre lies and the cone in which its axis lies, at two standard deviations. */
    camera(camera) {
      const size = this.data.frustum, p = camera.position, color = camera.color || "#9aa2b1";
      const corners = camera.corners.map((c) => along(p, size, c));
      for (const corner of corners) this.line(p, corner, color);
      this.lines([...corners, corners[0]], color, 1.5);
      const axis = unit(camera.axis), side = unit(cross(axis, Math.abs(axis[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0]));
      if (camera.position_sigma_m !== null) {
        const r = SIGMAS * camera.position_sigma_m, [x, y, z] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
        for (const [a, b] of [[x, y], [y, z], [z, x]]) this.ring(p, a, b, r, "rgba(255, 99, 132, .8)");
        const reach = 4 * size, cone = Math.tan(Math.min(1.2, SIGMAS * camera.rotation_sigma_deg * Math.PI / 180)) * reach;
        const tip = along(p, reach, axis), over = cross(axis, side);
        this.ring(tip, side, over, cone, "rgba(255, 99, 132, .6)");
        for (const e of [side, over]) for (const s of [-cone, cone]) this.line(p, along(tip, s, e), "rgba(255, 99, 132, .3)");
      }
      const q = this.seen(along(p, size * 0.35, [0, 0, 1]));
      if (q[2] < NEAR) return;
      this.pen.fillStyle = "#d3d7e0"; this.pen.font = "12px system-ui, sans-serif"; this.pen.textAlign = "center";
      this.pen.fillText(camera.name, ...this.flat(q));
    }
    ring(center, a, b, radius, color) {
      const at = (t) => along(along(center, radius * Math.cos(t), a), radius * Math.sin(t), b);
      this.lines(Array.from({ length: 25 }, (_, k) => at((k * Math.PI) / 12)), color, 1);
    }
  }

  /** Space plays, the arrows step (Shift: ten), Home and End go to either end, + and - zoom. True where a key is used. */
  function key(event, player, scene) {
    const by = event.shiftKey ? 10 : 1;
    const keys = {
      " ": () => player.toggle(), Home: () => player.seek(0), End: () => player.seek(player.steps - 1),
      ArrowLeft: () => player.seek(player.step - by), ArrowRight: () => player.seek(player.step + by),
      "+": () => scene.zoom(0.85), "=": () => scene.zoom(0.85), "-": () => scene.zoom(1 / 0.85), 0: () => scene.home(),
    };
    const pressed = event.key === " " && event.target.tagName === "BUTTON"; // the browser presses it
    if (event.ctrlKey || event.metaKey || event.altKey || pressed || !keys[event.key]) return false;
    if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") player.toggle(false);
    event.preventDefault();
    keys[event.key]();
    return true;
  }

  /** An element of HTML with attributes and content. */
  function element(name, attributes = {}, ...content) {
    const made = Object.assign(document.createElement(name), attributes);
    return made.append(...content), made;
  }

  /** The play button, the slider and the time, for a player. */
  function controls(player, data) {
    const button = element("button", { type: "button", onclick: () => player.toggle() });
    const slider = element("input", { type: "range", min: 0, max: data.steps - 1, step: 1, ariaLabel: "moment" });
    const time = element("output");
    slider.oninput = () => { player.toggle(false); player.seek(+slider.value); };
    slider.onkeydown = (event) => { if (!event.key.match(/Tab|Escape/)) event.preventDefault(); }; // the page's keys count
    player.on(() => {
      button.textContent = player.playing ? "\u275a\u275a" : "\u25b6";
      button.ariaLabel = player.playing ? "pause" : "play";
      slider.value = player.step;
      const frame = data.first + player.step * data.stride;
      time.textContent = `${(frame / data.fps).toFixed(2)} s \u00b7 frame ${frame}`;
    });
    const bar = element("div", { className: "epipose-controls" }, button, slider, time);
    bar.hidden = data.steps < 2;
    return bar;
  }

  /** Scene and controls in an element, for a page that shows other things, too; it plays while it can be seen. */
  function mount(host, data, autoplay = true) {
    const player = new Player(data), canvas = element("canvas", { ariaLabel: "3D scene: drag to turn, wheel to zoom" });
    host.classList.add("epipose-scene");
    host.tabIndex = 0;
    host.append(canvas, controls(player, data));
    const scene = new Scene(canvas, data, player, host);
    host.addEventListener("keydown", (event) => { key(event, player, scene); });
    canvas.addEventListener("pointerdown", () => host.focus({ preventScroll: true }));
    if (autoplay && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      new IntersectionObserver(([entry]) => { if (entry.isIntersecting || player.playing) player.toggle(entry.isIntersecting); }).observe(host);
    }
    return { player, scene };
  }

  return { Player, Scene, mount, controls, key, element, decoded, personColor, MISSING, SIDES, PEOPLE };
})();
