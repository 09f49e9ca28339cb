// Viewer of a clip: videos with skeletons beside the 3D scene, the error over time, and the table of cameras, all on one
// timeline. `EpiposeViewer.mount(host, page)`; page.scene is the data of scene.js, page.images says where images are:
// {moments: frames that have images, data: [[data URL of each moment] of each view]} or {url: "image/VIEW/FRAME.jpg"}.
"use strict";
const EpiposeViewer = (() => {
  const { Player, Scene, element, controls, key, decoded, personColor, MISSING, SIDES, PEOPLE } = Epipose;
  const CAMERAS = ["#7fc8f8", "#f9a8d4", "#a3e635", "#fbbf24", "#c4b5fd", "#5eead4", "#fda4af", "#d6d3d1"];
  const UV_UNIT = 10000, STALE = 0.3, KEPT = 400; // seconds after which an image is too old for its skeleton; images

  /** Draw a canvas anew, once a browser's frame, and whenever its size changes. */
  function painted(canvas, draw) {
    let waiting = false;
    const paint = () => {
      waiting = false;
      const ratio = Math.min(window.devicePixelRatio || 1, 2), [w, h] = [canvas.clientWidth, canvas.clientHeight];
      if (!w || !h) return;
      if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
        canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      draw(pen, w, h);
    };
    const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(paint); } };
    new ResizeObserver(redraw).observe(canvas);
    return redraw;
  }

  /** The images of one view: the latest one at or before a frame, loaded when it is asked for, one at a time. */
  class Images {
    constructor(source, view, name, loaded) { Object.assign(this, { source, view, name, loaded, kept: new Map(), shown: null, busy: false }); }
    moment(frame) {
      const moments = this.source.moments;
      if (!moments) return frame;
      let [low, high] = [0, moments.length - 1];
      while (low < high) { const middle = (low + high + 1) >> 1; if (moments[middle] <= frame) low = middle; else high = middle - 1; }
      return moments[low];
    }
    address(moment) {
      const { moments, data, url } = this.source;
      return data ? data[this.view][moments.indexOf(moment)] : url.replace("VIEW", encodeURIComponent(this.name)).replace("FRAME", moment);
    }
    /** What is there of a frame, {image, moment} or null; what is not yet there is fetched. */
    at(frame) {
      if (!this.source) return null;
      const moment = this.moment(frame);
      if (this.kept.has(moment)) { this.shown = this.kept.get(moment); return this.shown; }
      if (!this.busy) {
        const image = new Image(), there = { image, moment };
        this.busy = true;
        image.onload = () => { this.keep(moment, there); this.shown = there; this.busy = false; this.loaded(); };
        image.onerror = () => { this.keep(moment, this.shown); this.busy = false; };
        image.src = this.address(moment);
      }
      return this.shown;
    }
    keep(moment, there) {
      this.kept.set(moment, there);
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    }
  }

  /** One view: its image with the skeletons of that moment over it. */
  function tile(page, data, player, index) {
    const camera = data.cameras[index], canvas = element("canvas", { ariaLabel: `view ${camera.name}` });
    const view = page.images ? page.images.views.indexOf(camera.name) : -1;
    canvas.style.aspectRatio = `${camera.size[0]} / ${camera.size[1]}`;
    const images = new Images(view < 0 ? null : page.images, view, camera.name, () => redraw());
    const redraw = painted(canvas, (pen, w, h) => {
      const frame = data.first + player.step * data.stride, there = images.at(frame);
      const stale = !there || Math.abs(there.moment - frame) / data.fps > STALE;
      pen.fillStyle = "#0d0e11"; pen.fillRect(0, 0, w, h);
      if (there) {
        pen.globalAlpha = stale ? 0.35 : 1;
        pen.drawImage(there.image, 0, 0, w, h);
        pen.globalAlpha = 1;
      }
      const step = stale ? player.step : Math.max(0, Math.min(data.steps - 1, Math.round((there.moment - data.first) / data.stride)));
      skeletons(pen, w, h, data, index, step);
      const error = (data.error_px[index] || [])[player.step];
      pen.font = "12px system-ui, sans-serif"; pen.textAlign = "left";
      const text = camera.name + (error == null || w < 125 ? "" : `  ${error.toFixed(1)} px`);
      pen.fillStyle = "rgba(13, 14, 17, .65)"; pen.fillRect(0, 0, pen.measureText(text).width + 26, 20);
      pen.fillStyle = camera.color; pen.fillRect(6, 6, 8, 8);
      pen.fillStyle = "#e8e8ee"; pen.fillText(text, 20, 14);
    });
    player.on(redraw);
    return canvas;
  }

  function skeletons(pen, w, h, data, index, step) {
    const { people, joints, pixels } = data, count = data.uv_people;
    if (!pixels.length) return;
    pen.lineCap = "round";
    const width = Math.max(1.5, Math.min(w, h) / 130);
    for (let person = 0; person < count; person++) {
      const start = 2 * ((index * data.steps + step) * count + person) * joints;
      for (const pass of [0, 1]) for (const [parent, child, side] of data.bones) {
        const [a, b] = [start + 2 * parent, start + 2 * child];
        if (pixels[a] === MISSING || pixels[b] === MISSING) continue;
        pen.strokeStyle = pass ? personColor(data, person, side) : "#0d0e11"; pen.lineWidth = pass ? width : width + 2;
        pen.beginPath(); pen.moveTo(pixels[a] / UV_UNIT * w, pixels[a + 1] / UV_UNIT * h);
        pen.lineTo(pixels[b] / UV_UNIT * w, pixels[b + 1] / UV_UNIT * h); pen.stroke();
      }
    }
  }

  /** The error of every camera over time; a click or a drag goes to that moment. */
  function plot(data, player) {
    const canvas = element("canvas", { className: "plot", ariaLabel: "reprojection error over time" }), left = 34, bottom = 16;
    const all = data.error_px.flat().filter((value) => value !== null).sort((a, b) => a - b);
    const top = Math.max(1, 1.3 * (all[Math.floor(all.length * 0.98)] || 1)); // a few wild frames do not flatten the rest
    const place = (step, w) => left + (w - left - 8) * (data.steps > 1 ? step / (data.steps - 1) : 0);
    const drawing = document.createElement("canvas"); // the curves, which only change with the size
    let size = "";
    const curves = (w, h) => {
      drawing.width = 2 * w; drawing.height = 2 * h;
      const pen = drawing.getContext("2d");
      pen.scale(2, 2); pen.lineJoin = "round"; pen.font = "11px system-ui, sans-serif"; pen.fillStyle = "#9aa2b1";
      const high = (value) => h - bottom - (h - bottom - 6) * Math.min(1, value / top);
      for (const value of [0, top / 2, top]) {
        pen.strokeStyle = "#2b2f38"; pen.beginPath(); pen.moveTo(left, high(value)); pen.lineTo(w - 8, high(value)); pen.stroke();
        pen.textAlign = "right"; pen.fillText(value.toFixed(top < 4 ? 1 : 0), left - 5, high(value) + 4);
      }
      data.error_px.forEach((errors, index) => {
        pen.strokeStyle = data.cameras[index].color; pen.lineWidth = 1.3; pen.beginPath();
        let down = false;
        const skip = Math.max(1, Math.floor(data.steps / (2 * w)));
        for (let step = 0; step < data.steps; step += skip) {
          const values = errors.slice(step, step + skip).filter((value) => value !== null);
          if (!values.length) { down = false; continue; }
          const [x, y] = [place(step, w), high(Math.max(...values))];
          if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
          down = true;
        }
        pen.stroke();
      });
      pen.textAlign = "left"; pen.fillStyle = "#9aa2b1"; pen.fillText("px", left + 4, 12);
      const seconds = (step) => `${((data.first + step * data.stride) / data.fps).toFixed(1)} s`;
      pen.fillText(seconds(0), left, h - 3);
      pen.textAlign = "right"; pen.fillText(seconds(data.steps - 1), w - 8, h - 3);
    };
    const redraw = painted(canvas, (pen, w, h) => {
      if (size !== `${w} ${h}`) { size = `${w} ${h}`; curves(w, h); }
      pen.clearRect(0, 0, w, h);
      pen.drawImage(drawing, 0, 0, w, h);
      pen.strokeStyle = "#ffffff"; pen.lineWidth = 1;
      const x = place(player.step, w);
      pen.beginPath(); pen.moveTo(x, 2); pen.lineTo(x, h - bottom); pen.stroke();
    });
    const go = (event) => {
      const box = canvas.getBoundingClientRect(), share = (event.clientX - box.left - left) / (box.width - left - 8);
      player.toggle(false);
      player.seek(Math.round(share * (data.steps - 1)));
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
    player.on(redraw);
    return canvas;
  }

  function legend(data) {
    const shown = data.people.length > 1
      ? data.people.map((name, index) => [name, PEOPLE[index % PEOPLE.length]])
      : data.bones.length ? [["left", SIDES[0]], ["right", SIDES[1]]] : [];
    const entries = shown.map(([name, color]) => entry(name, color));
    if (data.uv_of === "keypoints" && data.bones.length) entries.push(element("span", {}, "keypoints of the detector (no labels yet)"));
    if (data.cameras.some((camera) => camera.position_sigma_m !== null)) entries.push(entry("uncertainty, 2 standard deviations", "#ff6384"));
    return element("p", { className: "legend" }, ...entries);
  }
  function entry(name, color) {
    const dot = element("i");
    dot.style.background = color;
    return element("span", {}, dot, name);
  }

  function table(data) {
    const number = (value, digits, unit, factor = 1) => (value == null ? "\u2013" : `${(factor * value).toFixed(digits)}\u00a0${unit}`);
    const nominal = data.metric ? "" : ", nominal scale";
    const head = ["camera", `place (x, y, z${nominal})`, "focal length", "median error", "inliers", `\u03c3 of place${nominal}`, "\u03c3 of rotation"];
    const rows = data.cameras.map((c) => [
      entry(c.name, c.color), c.position.map((v) => v.toFixed(2)).join(", ") + "\u00a0m", number(c.focal_px, 0, "px"), number(c.median_px, 1, "px"),
      number(c.inlier_share, 0, "%", 100), number(c.position_sigma_m, 0, "mm", 1000), number(c.rotation_sigma_deg, 2, "\u00b0"),
    ]);
    return element("div", { className: "cameras" }, element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", {}, text)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell)))))));
  }

  /** Columns of tiles that make them largest in a box, for the mean shape of the images. */
  function arrange(tiles, data) {
    const wide = data.cameras.reduce((sum, camera) => sum + camera.size[0] / camera.size[1], 0) / data.cameras.length;
    const fit = () => {
      const [w, h, n] = [tiles.clientWidth, tiles.clientHeight, data.cameras.length];
      const narrow = window.innerWidth < 820;
      let best = [0, 1];
      for (let columns = 1; columns <= n; columns++) {
        const width = Math.min((w - 6 * (columns - 1)) / columns, narrow ? Infinity : ((h - 6 * (Math.ceil(n / columns) - 1)) / Math.ceil(n / columns)) * wide);
        if (!narrow && width > best[0] + 1) best = [width, columns];
        if (narrow && columns === Math.min(n, wide < 1 ? 4 : 2)) best = [width, columns];
      }
      tiles.style.gridTemplateColumns = `repeat(${best[1]}, ${Math.floor(best[0])}px)`;
    };
    new ResizeObserver(() => requestAnimationFrame(fit)).observe(tiles);
  }

  function mount(host, page) {
    const data = decoded(page.scene), player = new Player(data);
    data.cameras.forEach((camera, index) => { camera.color = CAMERAS[index % CAMERAS.length]; });
    data.uv_people = Math.max(1, data.people.length); // keypoints are of one person
    const canvas = element("canvas", { ariaLabel: "3D scene: drag to turn, wheel to zoom" });
    const stage = element("div", { className: "stage" }, canvas), tiles = element("div", { className: "tiles" });
    const bar = controls(player, data), speed = element("select", { ariaLabel: "speed" });
    for (const value of [0.1, 0.25, 0.5, 1, 2]) speed.append(element("option", { value, selected: value === 1 }, `${value}\u00d7`));
    speed.onchange = () => { player.speed = +speed.value; speed.blur(); };
    bar.append(speed);
    host.classList.add("epipose-viewer");
    const drawn = data.pixels.length || page.images;
    if (drawn) data.cameras.forEach((_, index) => tiles.append(tile(page, data, player, index)));
    const top = element("div", { className: drawn ? "top" : "top alone" }, ...(drawn ? [tiles, stage] : [stage]));
    host.append(top, bar);
    if (data.error_px.length && data.steps > 1) host.append(element("p", { className: "caption" }, "Distance between label and keypoint in each view (median over the joints). Click a moment."), plot(data, player));
    host.append(legend(data));
    if (data.cameras.length) host.append(table(data));
    host.append(element("p", { className: "hint" }, "Space plays, \u2190 \u2192 step (Shift: ten), Home and End go to the ends, + and \u2212 zoom, 0 goes back. Drag to turn, Shift and drag to move."));
    const scene = new Scene(canvas, data, player);
    if (drawn) arrange(tiles, data);
    host.tabIndex = 0;
    document.addEventListener("keydown", (event) => {
      if (event.target.tagName !== "SELECT") key(event, player, scene);
    });
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) player.toggle(true);
    return { player, scene };
  }
  return { mount };
})();
