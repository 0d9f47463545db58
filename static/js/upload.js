// The upload page: every file goes in a request of its own, with its own progress, outcome and retry.
// The server answers each with a finished list row; without this script the same form sends all files at once.

const AT_ONCE = 2;
const LOOK_AT = 80;
const SHORTEST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;

const form = document.getElementById("upload-form");
const dropzone = document.getElementById("dropzone");
const section = document.getElementById("uploads");
const list = document.getElementById("upload-list");
const news = document.getElementById("upload-news");
const rowTemplate = document.getElementById("row-template");
const words = form.dataset;
const waiting = [];
let sending = 0;
let batch = 0;

// --- Where files come from ---------------------------------------------------------------------
const inputs = form.querySelectorAll('input[type="file"]');
function take(input) {
  const files = [...input.files];
  input.value = ""; // so that choosing the same file again is noticed
  add(files);
}
for (const input of inputs) input.addEventListener("change", () => take(input));

let depth = 0;
const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
window.addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  depth += 1;
  dropzone.classList.add("is-over");
});
window.addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  depth = Math.max(0, depth - 1);
  if (depth === 0) dropzone.classList.remove("is-over");
});
// A file dropped beside the zone must not replace the page.
window.addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
window.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  dropzone.classList.remove("is-over");
  const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
  const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile());
  const folderNames = new Set(folders.filter(Boolean).map((folder) => folder.name));
  add([...event.dataTransfer.files], folderNames);
});

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) add(files);
});

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.try);
      if (!answer.ok) throw new Error(String(answer.status));
      add([new File([await answer.blob()], button.dataset.name, { type: "image/png" })]);
    } catch {
      news.textContent = words.noNetwork;
    } finally {
      button.disabled = false;
    }
  });
}

// --- Into the list -----------------------------------------------------------------------------
function add(files, folderNames = new Set()) {
  if (!files.length) return;
  section.hidden = false;
  if (sending === 0 && waiting.length === 0) batch = 0;
  batch += files.length;
  // What is typed now belongs to these files; it must not stick to the next patient's.
  const about = new FormData(form);
  about.delete("file");
  const rows = document.createDocumentFragment();
  for (const file of files) {
    const row = rowTemplate.content.firstElementChild.cloneNode(true);
    row.querySelector("[data-name]").textContent = file.name;
    rows.prepend(row);
    const upload = { file, row, about, isArchive: /\.zip$/i.test(file.name) };
    wire(upload);
    if (folderNames.has(file.name)) refuse(upload, words.aFolder);
    else if (upload.isArchive && file.size > Number(words.maxArchiveBytes)) refuse(upload, words.archiveTooLarge);
    else if (!upload.isArchive && file.size > Number(words.maxBytes)) refuse(upload, words.tooLarge);
    else queue(upload);
  }
  // All at once: hundreds of rows one by one would be laid out as often.
  list.prepend(rows);
  next();
}

function wire(upload) {
  upload.row.querySelector("[data-retry]").addEventListener("click", () => {
    queue(upload);
    next();
  });
  upload.row.querySelector("[data-remove]").addEventListener("click", () => {
    upload.row.remove();
    form.querySelector("#id_file").focus();
  });
}

function show(upload, text, { kind = "", progress = null, retry = false, remove = false } = {}) {
  upload.row.dataset.kind = kind;
  upload.row.querySelector("[data-words]").textContent = text;
  const bar = upload.row.querySelector("[data-progress]");
  bar.hidden = progress === null;
  if (progress !== null) bar.value = progress;
  upload.row.querySelector("[data-retry]").hidden = !retry;
  upload.row.querySelector("[data-remove]").hidden = !remove;
}

function refuse(upload, sentence) {
  show(upload, sentence, { kind: "refused", remove: true });
  tell(`${upload.file.name}: ${sentence}`);
}

function hold(upload, sentence) {
  show(upload, sentence, { kind: "held", retry: true, remove: true });
  tell(`${upload.file.name}: ${sentence}`);
}

function queue(upload) {
  show(upload, words.waiting, { kind: "waiting", progress: 0 });
  waiting.push(upload);
}

function tell(sentence) {
  news.textContent = sentence;
}

// --- On its way --------------------------------------------------------------------------------
function next() {
  while (sending < AT_ONCE && waiting.length) {
    sending += 1;
    send(waiting.shift());
  }
}

async function send(upload) {
  try {
    // A log-in in another tab changed the token that this page was made with.
    if (upload.needsToken && !(await renewToken(upload))) return;
    settle(upload, await post(upload));
  } catch {
    hold(upload, words.noNetwork);
  } finally {
    sending -= 1;
    next();
  }
}

function post(upload) {
  const body = new FormData();
  for (const [name, value] of upload.about) body.append(name, value);
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.append("file", upload.file, upload.file.name);
  show(upload, words.sending, { kind: "sending", progress: 0 });
  return new Promise((resolve, reject) => {
    // fetch cannot say how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", upload.isArchive ? words.batchesUrl : form.action);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const percent = Math.round((100 * event.loaded) / event.total);
      show(upload, percent < 100 ? `${words.sending} ${percent} %` : words.storing, { kind: "sending", progress: percent });
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", reject);
    request.addEventListener("abort", reject);
    request.send(body);
  });
}

function settle(upload, request) {
  if (request.status === 401 || request.status === 403) {
    upload.needsToken = true;
    hold(upload, words.loggedOut);
    return;
  }
  const row = request.status === 201 || request.status === 422 ? parse(request.responseText, "li") : null;
  if (!row) {
    hold(upload, words.serverError);
    return;
  }
  upload.row.replaceWith(row);
  upload.row = row;
  if (row.hasAttribute("data-batch")) window.htmx.process(row); // it asks for its own progress
  row.querySelector("[data-remove]")?.addEventListener("click", () => row.remove());
  tell(row.textContent.replace(/\s+/g, " ").trim()); // innerText would lay out the whole list
  if (row.dataset.kind === "refused") return;
  forget(upload.about);
  if (batch === 1 && row.dataset.resultUrl) window.location.assign(row.dataset.resultUrl);
  else watch(SHORTEST_WAIT_MS);
}

async function renewToken(upload) {
  const answer = await fetch(form.action, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = page.querySelector("#upload-form [name=csrfmiddlewaretoken]");
  if (!token) {
    hold(upload, words.loggedOut);
    return false;
  }
  form.elements.csrfmiddlewaretoken.value = token.value;
  upload.needsToken = false;
  return true;
}

// Empty what belonged to the pages just taken in, unless it has been changed for the next ones already.
function forget(about) {
  for (const name of ["patient_reference", "recorded_at", "note"]) {
    const field = form.elements[name];
    if (field && field.value === about.get(name)) field.value = "";
  }
}

window.addEventListener("beforeunload", (event) => {
  if (sending && batch > 1) event.preventDefault();
});

// --- What became of it -------------------------------------------------------------------------
let watching = 0;
function watch(delay) {
  clearTimeout(watching);
  watching = setTimeout(() => look(delay), delay);
}

async function look(delay) {
  const pending = [...list.querySelectorAll("[data-pending]")];
  if (!pending.length) return;
  // Those at the end came first and are read first; more than these make an address that servers refuse.
  const query = new URLSearchParams(pending.slice(-LOOK_AT).map((reading) => ["id", reading.dataset.reading]));
  let changed = false;
  try {
    // Nobody at the desk asked for this: it must not keep an idle session alive.
    const headers = { "X-Requested-With": "XMLHttpRequest", "X-Background": "true" };
    const answer = await fetch(`${words.rowsUrl}?${query}`, { headers });
    if (answer.status === 401) return;
    if (answer.ok) changed = refresh(pending, await answer.text());
  } catch {
    // The network may come back; the next look is later anyway.
  }
  watch(changed ? SHORTEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, delay * 1.3));
}

function refresh(pending, html) {
  const now = new Map();
  for (const reading of parse(html, "body").querySelectorAll("[data-reading]")) now.set(reading.dataset.reading, reading);
  let changed = false;
  for (const before of pending) {
    const after = now.get(before.dataset.reading);
    if (!after || after.dataset.state === before.dataset.state) continue;
    const focused = before === document.activeElement;
    before.replaceWith(after);
    if (focused) after.focus();
    changed = true;
  }
  return changed;
}

function parse(html, selector) {
  return new DOMParser().parseFromString(html, "text/html").querySelector(selector);
}

if (list.querySelector("[data-pending]")) watch(SHORTEST_WAIT_MS);

// What was chosen before this script was there.
for (const input of inputs) take(input);
