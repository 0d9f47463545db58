// Two pages side by side: layers and zoom for both, and where one is moved, the other follows.

const windows = [...document.querySelectorAll("[data-window]")];
const zoom = document.getElementById("compare-zoom");

for (const toggle of document.querySelectorAll("[data-layer]")) {
  const layers = document.querySelectorAll(`[data-is="${toggle.dataset.layer}"]`);
  toggle.disabled = !layers.length;
  const apply = () => {
    for (const layer of layers) layer.hidden = !toggle.checked;
  };
  toggle.addEventListener("change", apply);
  apply();
}

const share = (box) => ({
  x: (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth,
  y: (box.scrollTop + box.clientHeight / 2) / box.scrollHeight,
});

function centre(box, { x, y }) {
  box.scrollLeft = x * box.scrollWidth - box.clientWidth / 2;
  box.scrollTop = y * box.scrollHeight - box.clientHeight / 2;
}

function applyZoom() {
  const kept = windows.map(share);
  for (const page of document.querySelectorAll("[data-zoomed]")) page.style.width = `${zoom.value}%`;
  document.getElementById("compare-zoom-is").value = `${zoom.value} %`;
  windows.forEach((box, index) => centre(box, kept[index]));
}
zoom.addEventListener("input", applyZoom);

// The window under the hand leads; what follows must not lead in turn.
let leader = windows[0];
for (const box of windows) {
  for (const cause of ["pointerenter", "pointerdown", "wheel", "focus", "touchstart"]) {
    box.addEventListener(cause, () => (leader = box), { passive: true });
  }
  box.addEventListener("scroll", () => {
    if (box !== leader) return;
    for (const other of windows) if (other !== box) centre(other, share(box));
  });
}
applyZoom();
