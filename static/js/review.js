// The clinician's report on the result page: what saves itself, dialogs, the filter over the findings, and keys.
// The server swaps the parts of #review, so events are caught at the document.

const KEYS_OFF = "isoline.review-keys-off";
const TEXT_FIELDS = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";

const review = () => document.getElementById("review");
const form = () => document.getElementById("review-form");

// --- Saving itself -----------------------------------------------------------------------------
let unsaved = false;
let failed = false;

document.addEventListener("input", (event) => {
  if (event.target.closest("#review-form") && !event.target.matches("[data-review-filter]")) unsaved = true;
  if (event.target.matches('[name="findings"]')) count();
});

const isSaving = (event) => event.detail.target?.id === "review-saved";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isSaving(event)) return;
  unsaved = false;
  say(form().dataset.saving);
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.target.closest("#review") || event.detail.xhr.status >= 400) return;
  failed = false;
  if (!isSaving(event)) unsaved = false;
  const discard = document.getElementById("review-discard");
  if (isSaving(event) && event.detail.xhr.responseText.trim()) discard?.removeAttribute("hidden");
});

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    if (!event.target.closest("#review") || !form()) return;
    unsaved = failed = true;
    say(form().dataset.notSaved, true);
  });
}

function say(words, isFailure = false) {
  const place = document.getElementById("review-saved");
  if (!place) return;
  place.textContent = words;
  place.classList.toggle("is-failed", isFailure);
}

// What was typed in the last second before leaving.
window.addEventListener("pagehide", () => {
  if (!unsaved || !form()?.hasAttribute("hx-post")) return;
  fetch(form().action, { method: "POST", body: new FormData(form()), keepalive: true });
});
window.addEventListener("beforeunload", (event) => {
  if (failed && unsaved && form()) event.preventDefault();
});

// --- Answers of the server ---------------------------------------------------------------------
// A refusal is a panel too: it keeps what was written and says what is wrong.
let hadDialog = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (target !== review() && xhr.getResponseHeader("HX-Retarget") !== "#review") return;
  if ([409, 422, 429].includes(xhr.status)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
  hadDialog = Boolean(review().querySelector("dialog[open]"));
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target !== review()) return;
  const dialog = review().querySelector("dialog[data-opens]");
  const problem = review().querySelector("[data-review-problem]");
  if (dialog) dialog.showModal();
  else if (problem) problem.focus();
  else if (hadDialog || document.activeElement === document.body) document.getElementById("review-title")?.focus();
  hadDialog = false;
  recallKeys();
});

// --- Dialogs -----------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const closer = event.target.closest("dialog [data-closes]");
  if (!closer) return;
  event.preventDefault();
  closer.closest("dialog").close();
});

document.addEventListener(
  "close",
  (event) => {
    if (event.target.id !== "review-dialog") return;
    const opener = event.target.querySelector("[data-closes]")?.dataset.closes;
    event.target.remove();
    document.getElementById(opener)?.focus();
  },
  true,
);

// The tab names the model's reading as well.
if (document.querySelector(".review-form.is-blind")) document.title = document.getElementById("review-title").textContent;

// --- Findings ----------------------------------------------------------------------------------
function count() {
  const place = document.querySelector("[data-review-count]");
  if (place) place.textContent = String(form().querySelectorAll('[name="findings"]:checked').length);
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

// Caught on the way down and kept from the form: looking for a finding is nothing to save.
document.addEventListener(
  "input",
  (event) => {
    if (!event.target.matches("[data-review-filter]")) return;
    event.stopPropagation();
    const words = plain(event.target.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of review().querySelectorAll(".review-group")) {
      let inGroup = 0;
      for (const finding of group.querySelectorAll(".review-finding")) {
        const text = plain(finding.textContent);
        finding.hidden = !words.every((word) => text.includes(word));
        inGroup += finding.hidden ? 0 : 1;
      }
      group.hidden = inGroup === 0;
      shown += inGroup;
    }
    review().querySelector("[data-review-none]").hidden = shown > 0;
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("[data-review-filter]")) event.preventDefault();
});

// --- Keys --------------------------------------------------------------------------------------
function recallKeys() {
  const box = document.querySelector("[data-review-keys]");
  if (box) box.checked = localStorage.getItem(KEYS_OFF) === null;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-review-keys]")) return;
  if (event.target.checked) localStorage.removeItem(KEYS_OFF);
  else localStorage.setItem(KEYS_OFF, "1");
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented || event.repeat) return;
  if (localStorage.getItem(KEYS_OFF) !== null || document.querySelector("dialog[open]")) return;
  if (event.target.closest(TEXT_FIELDS)) return;
  if (event.key === "s") {
    const sign = document.getElementById("review-sign");
    if (!sign) return;
    event.preventDefault();
    sign.click();
    return;
  }
  const choice = ["a", "o", "u"].includes(event.key) && document.querySelector(`[data-review-key="${event.key}"]`);
  if (!choice || choice.disabled) return;
  event.preventDefault();
  choice.click();
  choice.focus({ preventScroll: false });
});

recallKeys();
