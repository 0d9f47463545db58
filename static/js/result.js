// The result page: heat strength, the outline of what was read, and the neighbours by arrow key.
// The layers and controls arrive later where the page is still being read, so events are caught at the document.

const STRENGTH_KEY = "isoline.heat-strength";

function applyStrength() {
  const layer = document.getElementById("heat-layer");
  const slider = document.querySelector("[data-heat-opacity]");
  if (!layer || !slider) return;
  layer.style.opacity = String(Number(slider.value) / 100);
  document.querySelector("[data-heat-percent]").value = `${slider.value} %`;
}

function recallStrength() {
  const slider = document.querySelector("[data-heat-opacity]");
  const kept = Number.parseInt(localStorage.getItem(STRENGTH_KEY) ?? "", 10);
  if (slider && kept >= 0 && kept <= 100) slider.value = String(kept);
  applyStrength();
}

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-heat-opacity]")) return;
  localStorage.setItem(STRENGTH_KEY, event.target.value);
  applyStrength();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-show-crop]")) return;
  document.getElementById("crop-outline")?.toggleAttribute("hidden", !event.target.checked);
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel && document.querySelector(`.result-steps a[rel="${rel}"]`);
  if (link) link.click();
});

// Out-of-band parts are in place once htmx has settled.
document.addEventListener("htmx:oobAfterSwap", recallStrength);

// A poll that found no server asks again; without this one lost answer would end the waiting for good.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const poll = event.target.closest("#result-poll");
    if (poll && event.detail.xhr?.status !== 401 && event.detail.xhr?.status !== 404) {
      setTimeout(() => window.htmx.trigger(poll, "retry"), 2000);
    }
  });
}

recallStrength();
