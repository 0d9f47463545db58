// One calliper on one view: its lines, its reading, and the two handles that mouse, fingers and keys move.

import * as measure from "./measure.js";

const SVG = "http://www.w3.org/2000/svg";
const BAR_PX = 26;
const SHIFT_STEPS = 10;

export class Drawing {
  /** @param isFirst whether keys and screen readers use this one; the others show the same */
  constructor(callipers, span, board, isFirst) {
    this.callipers = callipers;
    this.span = span;
    this.board = board;
    this.lines = document.createElementNS(SVG, "g");
    for (const name of ["reach", "march", "line", "grip"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `calliper-${name}`);
      path.setAttribute("vector-effect", "non-scaling-stroke");
      this.lines.append(path);
      this[name] = path;
    }
    board.querySelector("svg").append(this.lines);
    this.label = board.appendChild(document.createElement("div"));
    this.label.className = "calliper-label";
    this.handles = span.isDraft ? [] : [0, 1].map((end) => this.#handle(end, isFirst));
    if (!span.isDraft) this.#grab(this.grip, null);
  }

  remove() {
    this.lines.remove();
    this.label.remove();
    for (const handle of this.handles) handle.remove();
  }

  /** Draw it where it is now. */
  place() {
    const { callipers, span } = this;
    const { sight } = callipers;
    const [from, to] = [sight.toPort(span.from), sight.toPort(span.to)];
    const { along, down } = measure.axes(callipers.scale().rotationDeg);
    const across = span.kind === "time" ? down : along;
    const bar = (at, half) =>
      `M${at.x - across.x * half} ${at.y - across.y * half}L${at.x + across.x * half} ${at.y + across.y * half}`;
    const isChosen = callipers.selected === span;
    const far = sight.port.width + sight.port.height;
    this.lines.setAttribute("class", `calliper${isChosen ? " is-chosen" : ""}`);
    const joined = `M${from.x} ${from.y}L${to.x} ${to.y}`;
    this.line.setAttribute("d", span.kind === "box" ? joined : joined + bar(from, BAR_PX) + bar(to, BAR_PX));
    this.grip.setAttribute("d", joined);
    this.reach.setAttribute("d", isChosen || span.isDraft ? bar(from, far) + bar(to, far) : "");
    const marks = span.isMarching ? measure.march(span.from, span.to, sight.page) : [];
    this.march.setAttribute("d", marks.map((mark) => bar(sight.toPort(mark), BAR_PX * 1.5)).join(""));
    this.#tell(from, to);
  }

  #tell(from, to) {
    const { callipers, span } = this;
    const reading = span.kind === "box" ? "" : callipers.words.reading(callipers.read(span));
    this.label.textContent = reading;
    this.label.hidden = !reading;
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    this.label.style.transform =
      span.kind === "time"
        ? `translate(${middle.x}px, ${middle.y - BAR_PX - 4}px) translate(-50%, -100%)`
        : `translate(${middle.x + BAR_PX + 4}px, ${middle.y}px) translate(0, -50%)`;
    const value = callipers.read(span);
    this.handles.forEach((handle, end) => {
      const at = end ? to : from;
      handle.style.transform = `translate(${at.x}px, ${at.y}px) translate(-50%, -50%)`;
      if (!handle.hasAttribute("role")) return;
      handle.setAttribute("aria-valuenow", String(Math.round(value.ms ?? (value.mv ?? value.px) * 1000)));
      handle.setAttribute("aria-valuetext", reading);
    });
  }

  #handle(end, isFirst) {
    const { callipers, span } = this;
    const handle = this.board.appendChild(document.createElement("div"));
    handle.className = `calliper-handle is-${span.kind}`;
    if (isFirst) {
      handle.tabIndex = 0;
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-orientation", span.kind === "time" ? "horizontal" : "vertical");
      handle.setAttribute("aria-label", `${callipers.words.name(span)}, ${callipers.words.end(span.kind, end)}`);
      // A span has no end but the page's; a slider must name some.
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", "60000");
      handle.addEventListener("focus", () => {
        callipers.select(span);
        callipers.sight.reveal(end ? span.to : span.from);
      });
      handle.addEventListener("keydown", (event) => this.#key(event, end));
    }
    this.#grab(handle, end);
    return handle;
  }

  #key(event, end) {
    const { callipers, span } = this;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (way) {
      const step = (event.shiftKey ? SHIFT_STEPS : 1) / callipers.sight.scale;
      const by = { x: way[0] * step, y: way[1] * step };
      const at = end ? span.to : span.from;
      const isAlongSpan = (span.kind === "time") === Boolean(way[0]);
      callipers.shift(span, isAlongSpan ? end : null, isAlongSpan ? { x: at.x + by.x, y: at.y + by.y } : by);
      callipers.sight.reveal(end ? span.to : span.from);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      callipers.dispatchEvent(new CustomEvent("remove", { detail: span }));
    } else if (event.key === "m") {
      callipers.march(span);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Let a pointer move an end, or the whole span. */
  #grab(element, end) {
    const { callipers, span } = this;
    element.dataset.grip = "";
    let last = null;
    const at = (event) => {
      const box = this.board.getBoundingClientRect();
      return callipers.sight.toPage({ x: event.clientX - box.left, y: event.clientY - box.top });
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      last = at(event);
      element.setPointerCapture(event.pointerId);
      callipers.select(span);
    });
    element.addEventListener("pointermove", (event) => {
      if (!last) return;
      const now = at(event);
      // By what the pointer moved, so that an end does not jump to where it was gripped.
      const by = { x: now.x - last.x, y: now.y - last.y };
      const held = end ? span.to : span.from;
      callipers.shift(span, end, end === null ? by : { x: held.x + by.x, y: held.y + by.y });
      last = now;
    });
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => { last = null; });
  }
}
