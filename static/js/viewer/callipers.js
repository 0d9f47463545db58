// Callipers: spans of time or voltage laid over the page, moved by mouse, finger or keys.

import * as measure from "./measure.js";
import { Drawing } from "./drawing.js";

const SHORTEST_PX = 3;

/** Sends "change" when a span came, went or moved, and "select" when another one is chosen. */
export class Callipers extends EventTarget {
  #spans = [];
  #drawings = new Map();
  #draft = null;
  #numbers = 0;

  /**
   * @param sight what is seen
   * @param boards the elements over each view to draw on; keys and screen readers use the first
   * @param scale () → {pxPerMm, rotationDeg, mmPerS, mmPerMv}
   * @param words {name(span), end(kind, number), reading(span)}
   */
  constructor(sight, boards, scale, words) {
    super();
    this.sight = sight;
    this.boards = boards;
    this.scale = scale;
    this.words = words;
    this.isOn = false;
    this.isSettingScale = false;
    this.selected = null;
    sight.addEventListener("change", () => this.draw());
  }

  get spans() {
    return this.#spans;
  }

  read(span) {
    return measure.read(span.kind, span.from, span.to, this.scale());
  }

  /** Put a span into the middle of what is seen, for those who do not drag; the keyboard stands on its end then. */
  add(kind) {
    const { sight } = this;
    const { pxPerMm, rotationDeg } = this.scale();
    const axis = measure.axes(rotationDeg)[kind === "time" ? "along" : "down"];
    const room = (kind === "time" ? sight.port.width : sight.port.height) / sight.scale;
    const length = Math.min(pxPerMm > 0 ? pxPerMm * (kind === "time" ? 20 : 10) : room / 4, room / 2);
    const [from, to] = [-0.5, 0.5].map((part) => ({
      x: sight.centre.x + part * length * axis.x,
      y: sight.centre.y + part * length * axis.y,
    }));
    const span = this.#take({ kind, from, to, isMarching: false });
    this.#drawings.get(span)[0].handles[1].focus({ preventScroll: true });
  }

  // Drawing with the pointer: begin, move, end(wasClick), cancel. Two clicks do the same as one drag.

  begin(point) {
    if (!this.#draft) this.#draft = { from: point, to: point, kind: "time", isMarching: false, isDraft: true };
    this.move(point);
  }

  move(point) {
    if (!this.#draft) return;
    const { rotationDeg } = this.scale();
    const { from } = this.#draft;
    this.#draft.kind = this.isSettingScale ? "box" : measure.kindOf(from, point, rotationDeg);
    this.#draft.to = this.isSettingScale ? point : measure.endTowards(this.#draft.kind, from, point, rotationDeg);
    this.draw();
  }

  /** @returns "second" while the other end is still to come, else what came of it: "span", "scale" or "short" */
  end(point, wasClick) {
    if (!this.#draft) return "short";
    this.move(point);
    const draft = this.#draft;
    const length = Math.hypot(draft.to.x - draft.from.x, draft.to.y - draft.from.y) * this.sight.scale;
    if (wasClick && length < SHORTEST_PX) return this.#say("second");
    this.cancel();
    if (length < SHORTEST_PX) return this.#say("short");
    if (this.isSettingScale) {
      this.dispatchEvent(new CustomEvent("scale", { detail: measure.pxPerMm(draft.from, draft.to) }));
      return "scale";
    }
    this.#take({ kind: draft.kind, from: draft.from, to: draft.to, isMarching: false });
    return "span";
  }

  cancel() {
    this.#forget(this.#draft);
    this.#draft = null;
    this.draw();
  }

  #say(outcome) {
    this.dispatchEvent(new CustomEvent("outcome", { detail: outcome }));
    return outcome;
  }

  #take(span) {
    this.#numbers += 1;
    span.number = this.#numbers;
    this.#spans.push(span);
    this.select(span);
    this.changed();
    return span;
  }

  select(span) {
    if (this.selected === span) return;
    this.selected = span;
    this.draw();
    this.dispatchEvent(new Event("select"));
  }

  /** Move one end (0 or 1) to a point, or, with `end` null, the whole span by a distance. */
  shift(span, end, point) {
    if (end === null) {
      for (const part of ["from", "to"]) span[part] = { x: span[part].x + point.x, y: span[part].y + point.y };
    } else {
      const { rotationDeg } = this.scale();
      const [fixed, moved] = end ? ["from", "to"] : ["to", "from"];
      span[moved] = measure.endTowards(span.kind, span[fixed], point, rotationDeg);
    }
    this.select(span);
    this.changed();
  }

  march(span = this.selected) {
    if (span?.kind !== "time") return;
    span.isMarching = !span.isMarching;
    this.changed();
  }

  remove(span = this.selected) {
    if (!span) return;
    const place = this.#spans.indexOf(span);
    this.#spans.splice(place, 1);
    this.#forget(span);
    this.selected = null;
    this.select(this.#spans[Math.min(place, this.#spans.length - 1)] ?? null);
    this.changed();
  }

  clear() {
    for (const span of this.#spans.splice(0)) this.#forget(span);
    this.select(null);
    this.cancel();
    this.changed();
  }

  /** Everything has to be read anew: a span moved, or the scale changed. */
  changed() {
    this.draw();
    this.dispatchEvent(new Event("change"));
  }

  /** The handle of a span's end that keys reach. */
  handle(span, end = 1) {
    return this.#drawings.get(span)?.[0].handles[end];
  }

  draw() {
    for (const span of this.#draft ? [...this.#spans, this.#draft] : this.#spans) {
      if (!this.#drawings.has(span)) {
        this.#drawings.set(span, this.boards.map((board, number) => new Drawing(this, span, board, number === 0)));
      }
      for (const drawing of this.#drawings.get(span)) drawing.place();
    }
  }

  #forget(span) {
    for (const drawing of this.#drawings.get(span) ?? []) drawing.remove();
    this.#drawings.delete(span);
  }
}
