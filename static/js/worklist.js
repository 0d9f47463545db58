// The worklist: live counts that back off, keys to move through the rows, ticks for what is assigned together.

const FIRST_LOOK_MS = 5000;
const LAST_LOOK_MS = 60000;
const KEYS_KEY = "isoline.letter-keys";

const tabs = document.getElementById("worklist-tabs");
const rowsPart = document.getElementById("worklist-rows");
const changed = document.getElementById("worklist-changed");
const news = document.getElementById("worklist-news");
const form = document.getElementById("worklist-form");

// On a phone the row of lists is wider than the screen.
tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// --- Live counts -------------------------------------------------------------------------------
let delay = FIRST_LOOK_MS;
let timer = 0;
let seen = tabs.dataset.seen;

function lookLater() {
  clearTimeout(timer);
  if (document.hidden) return;
  timer = setTimeout(look, delay);
}

// Nobody at the desk started this; isoline.js says so to the server, because the event is no person's.
function look() {
  window.htmx.trigger(tabs, "look");
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.hidden) return;
  delay = FIRST_LOOK_MS;
  look();
});

tabs.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr?.status === 401) return; // logged out: nothing more to ask
  const now = tabs.querySelector("[data-seen]")?.dataset.seen;
  if (event.detail.successful && now && now !== seen) {
    seen = now;
    delay = FIRST_LOOK_MS;
    const count = tabs.querySelector("[aria-current]")?.textContent.replace(/\s+/g, " ").trim();
    if (isBusy()) changed.hidden = false;
    else renewRows();
    news.textContent = count ?? "";
  } else {
    delay = Math.min(LAST_LOOK_MS, delay * 1.5);
  }
  lookLater();
});

// Rows must not change under somebody's hands.
const isBusy = () => rowsPart.contains(document.activeElement) || ticks().some((tick) => tick.checked);

function renewRows() {
  changed.hidden = true;
  window.htmx.ajax("GET", window.location.href, { target: rowsPart, swap: "innerHTML" });
}

changed.querySelector("[data-show-changes]").addEventListener("click", () => {
  renewRows();
  document.getElementById("content").focus({ preventScroll: true });
});

lookLater();

// --- Ticks -------------------------------------------------------------------------------------
const ticks = () => [...rowsPart.querySelectorAll("[data-tick]")];

function count() {
  const ticked = ticks().filter((tick) => tick.checked).length;
  const words = form.querySelector("[data-ticked]");
  if (words) words.textContent = ticked ? `${ticked} ${form.dataset.countWords}` : "";
  for (const button of form.querySelectorAll(".bulk-bar button, .bulk-bar select")) button.disabled = !ticked;
  const all = document.getElementById("tick-all");
  if (all) {
    all.checked = ticked > 0 && ticked === ticks().length;
    all.indeterminate = ticked > 0 && ticked < ticks().length;
  }
}

form.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") for (const tick of ticks()) tick.checked = event.target.checked;
  if (event.target.matches("[data-tick], #tick-all")) count();
});
rowsPart.addEventListener("htmx:afterSwap", count);
// A page that comes out of the browser's memory keeps its ticks.
window.addEventListener("pageshow", count);
count();

// --- Keys --------------------------------------------------------------------------------------
// Focus moves, so that a screen reader says where one is.
const toggle = document.getElementById("letter-keys");
toggle.checked = localStorage.getItem(KEYS_KEY) !== "off";
toggle.addEventListener("change", () => localStorage.setItem(KEYS_KEY, toggle.checked ? "on" : "off"));

function move(step) {
  const links = [...rowsPart.querySelectorAll("[data-open]")];
  if (!links.length) return;
  const row = document.activeElement?.closest?.("[data-row]");
  const here = row ? links.indexOf(row.querySelector("[data-open]")) : -1;
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + step, 0), links.length - 1);
  links[next].focus();
  links[next].closest("[data-row]").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const target = event.target;
  const types = target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], [role=menu]");
  if (types) {
    if (event.key === "Escape" && target.id === "id_q") move(1);
    return;
  }
  const inRows = Boolean(target.closest("[data-row]"));
  const row = target.closest("[data-row]");
  if (event.key === "ArrowDown" && inRows) move(1);
  else if (event.key === "ArrowUp" && inRows) move(-1);
  else if (!toggle.checked || event.shiftKey && event.key !== "/") return;
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") document.getElementById("id_q").focus();
  else if (event.key === "x" && row) row.querySelector("[data-tick]")?.click();
  else return;
  event.preventDefault();
});
