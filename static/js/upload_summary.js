// Above the upload list: how far all of it is, retry for all that failed, the outcome to take away.
// It only looks at the rows that upload.js keeps, so neither needs to know the other.

const FOLD_FROM = 25;
const BETWEEN_MS = 250;

const list = document.getElementById("upload-list");
const sum = document.getElementById("upload-sum");
const line = sum.querySelector("[data-sum]");
const bar = document.getElementById("upload-progress");
const retryAll = sum.querySelector("[data-retry-all]");
const fold = sum.querySelector("[data-fold]");
const SETTLED = ["accepted", "duplicate", "refused", "held"];
let choseToShow = false;

const fill = (words, values) => words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const isFinished = (row) =>
  (row.dataset.kind === "accepted" || row.dataset.kind === "duplicate") && !row.querySelector("[data-pending]");

function count() {
  const rows = [...list.children];
  const figures = { total: rows.length, settled: 0, stored: 0, read: 0, duplicate: 0, refused: 0, held: 0 };
  let finished = 0;
  for (const row of rows) {
    const { kind } = row.dataset;
    if (SETTLED.includes(kind)) figures.settled += 1;
    if (kind === "accepted") figures.stored += 1;
    if (kind in figures) figures[kind] += 1;
    if (kind === "accepted" && !row.querySelector("[data-pending]")) figures.read += 1;
    const done = isFinished(row);
    row.toggleAttribute("data-finished", done);
    if (done) finished += 1;
  }
  return { figures, finished };
}

function show() {
  const { figures, finished } = count();
  sum.hidden = figures.total < 2;
  line.textContent = fill(sum.dataset.wordsSum, figures);
  bar.max = Math.max(figures.total, 1);
  bar.value = figures.settled;
  retryAll.hidden = figures.held === 0;
  const folds = figures.total >= FOLD_FROM && finished > 0;
  const isFolded = folds && !choseToShow;

  list.classList.toggle("is-folded", isFolded);
  fold.hidden = !folds;
  fold.setAttribute("aria-pressed", String(isFolded));
  fold.textContent = fill(isFolded ? sum.dataset.wordsShow : sum.dataset.wordsHide, { count: finished });
}

let asked = false;
function showSoon() {
  if (asked) return;
  asked = true;
  setTimeout(() => {
    asked = false;
    show();
  }, BETWEEN_MS);
}

new MutationObserver(showSoon).observe(list, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["data-kind", "data-state", "data-pending"],
});

retryAll.addEventListener("click", () => {
  for (const button of list.querySelectorAll("[data-retry]:not([hidden])")) button.click();
});

fold.addEventListener("click", () => {
  choseToShow = !choseToShow;
  show();
});

// --- The outcome to take away ------------------------------------------------------------------
// A file may be called "=HYPERLINK(…)"; a spreadsheet must not run it.
const inert = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
const cell = (text) => `"${inert(text.replace(/\s+/g, " ").trim()).replaceAll('"', '""')}"`;

function outcome() {
  const head = sum.dataset.head.split(",").map(cell).join(",");
  // textContent and not innerText: rows that are folded away belong to the outcome too.
  const rows = [...list.children].reverse().map((row) => {
    const links = [...row.querySelectorAll("a[href]")].map((link) => link.href).join(" ");
    const words = row.querySelector(".upload-outcome").cloneNode(true);
    for (const button of words.querySelectorAll("button, .reading-open")) button.remove();
    return [row.querySelector(".upload-name").textContent, words.textContent, links].map(cell).join(",");
  });
  return [head, ...rows].join("\r\n");
}

sum.querySelector("[data-save]").addEventListener("click", () => {
  const link = document.createElement("a");
  // The mark tells spreadsheets that this is UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", outcome()], { type: "text/csv" }));
  link.download = "upload.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

sum.querySelector("[data-copy]").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const said = button.textContent;
  const text = outcome();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard for scripts but this one.
    const field = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  button.textContent = sum.dataset.wordsCopied;
  setTimeout(() => (button.textContent = said), 2000);
});

show();
