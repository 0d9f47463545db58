// The page as a viewer: zoom and pan, callipers, side by side, full screen. The parts lie in viewer/.
// What htmx replaces (layers and controls) lies inside what is moved here, so it stays in its place.

import { Callipers } from "./viewer/callipers.js";
import { listen } from "./viewer/gestures.js";
import { Pictures } from "./viewer/pictures.js";
import { Sight } from "./viewer/sight.js";

const STEP = 1.25;
const PAN_SHARE = 0.12;

const stage = document.getElementById("stage");
const words = JSON.parse(document.getElementById("viewer-words").textContent);
const language = document.documentElement.lang || "en";
const views = [...stage.querySelectorAll(".stage-view")];
const sheets = views.map((view) => view.querySelector(".stage-sheet"));
const part = (name) => stage.querySelector(`[data-viewer="${name}"]`);
const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// --- What is seen ------------------------------------------------------------------------------------

const sight = new Sight({ width: Number(stage.dataset.pageWidth), height: Number(stage.dataset.pageHeight) });

function place() {
  const corner = sight.toPort({ x: 0, y: 0 });
  sheets.forEach((sheet, which) => {
    sheet.style.width = `${sight.page.width * sight.scale}px`;
    sheet.style.height = `${sight.page.height * sight.scale}px`;
    sheet.style.transform = `translate(${corner.x}px, ${corner.y}px)`;
    views[which].classList.toggle("is-zoomed", !sight.isFitted);
  });
  part("percent").textContent = `${sight.percent} %`;
  part("fit").setAttribute("aria-pressed", String(sight.isFitted));
  part("true-size").setAttribute("aria-pressed", String(sight.percent === 100));
  announceZoom();
}

let zoomTimer = 0;
let toldPercent = null;
function announceZoom() {
  clearTimeout(zoomTimer);
  zoomTimer = setTimeout(() => {
    if (toldPercent !== sight.percent) {
      part("zoom-status").textContent = fill(words.zoom, { percent: sight.percent });
    }
    toldPercent = sight.percent;
  }, 500);
}

stage.style.setProperty("--page-aspect", String(sight.page.width / sight.page.height));
stage.classList.add("is-live");
sight.addEventListener("change", place);
new ResizeObserver(() => sight.resize(views[0].clientWidth, views[0].clientHeight)).observe(views[0]);
sight.resize(views[0].clientWidth, views[0].clientHeight);
toldPercent = sight.percent;

new Pictures(
  sight,
  sheets,
  {
    screenWidth: Number(stage.dataset.screenWidth),
    wholeUrl: stage.dataset.wholeUrl,
    tileUrl: stage.dataset.tileUrl,
    tileSide: Number(stage.dataset.tileSide),
  },
  () => { part("message").textContent = words.noPicture; },
);

// --- Callipers ---------------------------------------------------------------------------------------

let pxPerMmByHand = null;

function pageScale() {
  const known = document.querySelector("#stage-layers [data-px-per-mm]")?.dataset;
  return {
    pxPerMm: pxPerMmByHand ?? Number(known?.pxPerMm ?? 0),
    rotationDeg: pxPerMmByHand ? 0 : Number(known?.rotationDeg ?? 0),
    mmPerS: Number(part("paper-speed").value),
    mmPerMv: Number(part("gain").value),
  };
}

const inWords = {
  name: (span) => fill(span.kind === "time" ? words.timeSpan : words.voltageSpan, { number: span.number }),
  end: (kind, which) => words.end[kind][which],
  reading(value) {
    if (value.mv !== undefined) return fill(words.mv, { mv: number(value.mv, 2) });
    if (value.ms === undefined) return fill(words.pixels, { px: number(value.px) });
    const time = fill(words.ms, { ms: number(value.ms) });
    return value.perMinute ? `${time} · ${fill(words.perMinute, { rate: number(value.perMinute) })}` : time;
  },
};

const boards = views.map((view) => view.querySelector(".callipers"));
const callipers = new Callipers(sight, boards, pageScale, inWords);
const tool = {
  get isOn() { return callipers.isOn; },
  begin: (point) => callipers.begin(point),
  move: (point) => callipers.move(point),
  end: (point, wasClick) => callipers.end(point, wasClick),
  cancel: () => callipers.cancel(),
};
for (const view of views) listen(view, sight, tool, isFullScreen);

function useCallipers(isOn) {
  callipers.isOn = isOn;
  part("callipers").setAttribute("aria-pressed", String(isOn));
  part("calliper-bar").hidden = !isOn;
  stage.classList.toggle("is-measuring", isOn);
  if (!isOn) callipers.cancel();
  setScale(isOn && !(pageScale().pxPerMm > 0));
}

function setScale(isOn) {
  callipers.isSettingScale = isOn;
  part("set-scale").setAttribute("aria-pressed", String(isOn));
  explainCallipers();
}

function explainCallipers(outcome) {
  const { pxPerMm } = pageScale();
  const px = number(pxPerMm, 2);
  const known = pxPerMm > 0;
  let text = known ? fill(pxPerMmByHand ? words.scaleSet : words.scaleRead, { px }) : words.scaleUnknown;
  if (callipers.isSettingScale && known) text = words.scaleDrag;
  else if (!callipers.isSettingScale && !callipers.spans.length) text = `${words.draw} ${text}`;
  if (outcome === "second") text = words.second;
  part("message").textContent = text;
}

let readingTimer = 0;
function showReading() {
  const span = callipers.selected;
  const reading = span ? `${inWords.name(span)}: ${inWords.reading(callipers.read(span))}` : "";
  part("reading").textContent = reading;
  part("march").disabled = span?.kind !== "time";
  part("march").setAttribute("aria-pressed", String(Boolean(span?.isMarching)));
  part("delete").disabled = !span;
  part("clear").disabled = callipers.spans.length === 0;
  clearTimeout(readingTimer);
  readingTimer = setTimeout(() => {
    // On a handle a screen reader has been told by the slider's own value.
    if (document.activeElement?.getAttribute("role") !== "slider") part("reading-status").textContent = reading;
  }, 500);
}

function removeSpan(span) {
  callipers.remove(span);
  part("reading-status").textContent = words.removed;
  (callipers.handle(callipers.selected) ?? views[0]).focus({ preventScroll: true });
}

callipers.addEventListener("change", showReading);
callipers.addEventListener("select", showReading);
callipers.addEventListener("outcome", (event) => explainCallipers(event.detail));
callipers.addEventListener("change", () => explainCallipers());
callipers.addEventListener("remove", (event) => removeSpan(event.detail));
callipers.addEventListener("scale", (event) => {
  // A large box of fewer pixels cannot be told from the line it is drawn with.
  if (event.detail < 1) {
    part("message").textContent = words.scaleTooSmall;
    return;
  }
  pxPerMmByHand = event.detail;
  setScale(false);
  callipers.changed();
});

// --- Side by side, full screen -----------------------------------------------------------------------

function compare(isOn) {
  part("compare").setAttribute("aria-pressed", String(isOn));
  views[1].hidden = !isOn;
  stage.classList.toggle("is-compared", isOn);
  stage.closest(".result").classList.toggle("is-compared", isOn);
  const plain = views[1].querySelector("img[data-src]");
  if (isOn && plain) {
    plain.src = plain.dataset.src;
    delete plain.dataset.src;
  }
  sight.resize(views[0].clientWidth, views[0].clientHeight);
}

function isFullScreen() {
  return document.fullscreenElement === stage || stage.classList.contains("is-filling");
}

/** Where the browser has no full screen for elements (iPhones), the stage fills the window. */
function fillWindow(isOn) {
  stage.classList.toggle("is-filling", isOn);
  document.body.classList.toggle("has-filled-window", isOn);
  for (let element = stage; element !== document.body; element = element.parentElement) {
    for (const other of element.parentElement.children) if (other !== element) other.inert = isOn;
  }
  showFullScreen();
}

async function toggleFullScreen() {
  if (document.fullscreenElement === stage) await document.exitFullscreen();
  else if (stage.classList.contains("is-filling")) fillWindow(false);
  else if (stage.requestFullscreen) await stage.requestFullscreen().catch(() => fillWindow(true));
  else fillWindow(true);
}

function showFullScreen() {
  part("full-screen").textContent = isFullScreen() ? words.leaveFullScreen : words.fullScreen;
  stage.classList.toggle("is-full", isFullScreen());
}
document.addEventListener("fullscreenchange", showFullScreen);

// --- Buttons and keys --------------------------------------------------------------------------------

const smooth = { smooth: true };
const actions = {
  "zoom-in": () => sight.zoomBy(STEP, undefined, smooth),
  "zoom-out": () => sight.zoomBy(1 / STEP, undefined, smooth),
  fit: () => sight.fit(smooth),
  "true-size": () => sight.zoomTo(sight.trueScale, undefined, smooth),
  compare: () => compare(!stage.classList.contains("is-compared")),
  callipers: () => useCallipers(!callipers.isOn),
  "full-screen": () => toggleFullScreen(),
  "time-span": () => callipers.add("time"),
  "voltage-span": () => callipers.add("voltage"),
  march: () => callipers.march(),
  delete: () => removeSpan(callipers.selected),
  clear: () => {
    callipers.clear();
    views[0].focus({ preventScroll: true });
  },
  "set-scale": () => setScale(!callipers.isSettingScale),
};
const keys = {
  "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", _: "zoom-out", 0: "fit", 1: "true-size",
  c: "callipers", b: "compare", f: "full-screen",
};
const ways = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

stage.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-viewer]");
  if (button) actions[button.dataset.viewer]?.();
});

stage.addEventListener("change", (event) => {
  if (event.target.matches("[data-viewer]")) callipers.changed();
});

stage.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  const way = ways[event.key];
  if (way && views.includes(event.target)) {
    const isAcross = Boolean(way[0]);
    // To the sides, keys on the page never lead to another patient's result, even where there is nothing to move.
    if (isAcross || !sight.isFitted) event.preventDefault();
    sight.panBy(way[0] * PAN_SHARE * sight.port.width, way[1] * PAN_SHARE * sight.port.height, smooth);
  } else if (event.key === "Escape") {
    if (callipers.isOn) useCallipers(false);
    else if (stage.classList.contains("is-filling")) fillWindow(false);
    else return;
    event.preventDefault();
  } else if (keys[event.key]) {
    event.preventDefault();
    actions[keys[event.key]]();
  }
});

// The scale comes with the measurements, which follow the answer.
document.addEventListener("htmx:oobAfterSwap", () => {
  adoptGain();
  if (callipers.isOn && callipers.isSettingScale && pageScale().pxPerMm > 0 && !pxPerMmByHand) setScale(false);
  callipers.changed();
});

/** Take over the gain that was read, unless somebody has chosen one. */
function adoptGain() {
  const read = document.querySelector("#stage-layers [data-gain]")?.dataset.gain;
  const option = [...part("gain").options].find((one) => Number(one.value) === Number(read));
  if (option && !part("gain").dataset.isChosen) option.selected = true;
}
part("gain").addEventListener("change", (event) => { event.target.dataset.isChosen = "yes"; });
adoptGain();
showReading();
