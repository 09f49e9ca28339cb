// The top of a report: the 3D scene, and images of the views that follow it.
"use strict";
(() => {
  const { scene, start, moments, jpegs } = JSON.parse(document.getElementById("top-data").textContent);
  const { player } = Epipose.mount(document.getElementById("scene"), scene);
  player.seek(start);
  const images = [...document.querySelectorAll(".views img")];
  let shown = moments.indexOf(scene.first + start * scene.stride);
  player.on(() => {
    // The last moment that has images, up to the step that is shown; the first one before that.
    const frame = scene.first + player.step * scene.stride;
    const now = Math.max(0, moments.filter((moment) => moment <= frame).length - 1);
    if (now === shown) return;
    shown = now;
    images.forEach((image, view) => { image.src = `data:image/jpeg;base64,${jpegs[view][now]}`; });
  });
  // Browsers whose styles cannot unfold a section unfold it before they print.
  addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
})();
