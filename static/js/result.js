// The result page: heat strength, the outline of what was read, explanations, and the neighbours by arrow key.
// The layers and controls arrive later where the page is still being read, so events are caught at the document.

const STRENGTH_KEY = "isoline.heat-strength";

function applyStrength() {
  const slider = document.querySelector("[data-heat-opacity]");
  if (!slider) return;
  // On the parent, which stays: htmx would copy a style of the layer to the next one, against the security policy.
  document.getElementById("stage-layers").style.setProperty("--heat-strength", String(Number(slider.value) / 100));
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

// What is laid over the page stays there when another explanation replaces the layers and their switches.
const shown = new Set();
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-shows]")) return;
  const { shows } = event.target.dataset;
  if (event.target.checked) shown.add(shows);
  else shown.delete(shows);
  showLayers();
});

function showLayers() {
  for (const choice of document.querySelectorAll("[data-shows]")) {
    choice.checked = shown.has(choice.dataset.shows);
    document.getElementById(choice.dataset.shows)?.toggleAttribute("hidden", !choice.checked);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel && document.querySelector(`.result-steps a[rel="${rel}"]`);
  if (link) link.click();
});

// Out-of-band parts are in place once htmx has settled.
document.addEventListener("htmx:oobAfterSwap", () => {
  recallStrength();
  showLayers();
});

// A poll that found no server asks again; without this one lost answer would end the waiting for good.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const poll = event.target.closest("#result-poll, #explain-poll") ?? document.getElementById("explain-poll");
    if (poll && event.detail.xhr?.status !== 401 && event.detail.xhr?.status !== 404) {
      setTimeout(() => window.htmx.trigger(poll, "retry"), 2000);
    }
  });
}

// The button that asked for an explanation goes when there is nothing left to compute; the keyboard stays beside it.
let explaining = false;
document.addEventListener("focusin", (event) => {
  explaining = Boolean(event.target.closest("#explain"));
});
document.addEventListener("htmx:afterSettle", () => {
  if (explaining && document.activeElement === document.body) {
    document.getElementById("explain-method")?.focus({ preventScroll: true });
  }
});

recallStrength();
