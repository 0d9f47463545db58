// What part of the page is seen, and how large: one sight, shared by every view of the page.

const CLOSEST = 8;
const FITTED = 1e-6;

/** Sends "change" whenever something moved. Scale is CSS pixels per page pixel, points are page pixels. */
export class Sight extends EventTarget {
  #frame = 0;

  constructor(page) {
    super();
    this.page = page;
    this.port = { width: 0, height: 0 };
    this.scale = 1;
    this.centre = { x: page.width / 2, y: page.height / 2 };
    this.isFitted = true;
  }

  /** The scale at which the whole page is seen. */
  get fitScale() {
    return Math.min(this.port.width / this.page.width, this.port.height / this.page.height) || 1;
  }

  /** The scale at which a page pixel is a pixel of the screen. */
  get trueScale() {
    return 1 / (window.devicePixelRatio || 1);
  }

  get limits() {
    return {
      least: Math.min(this.fitScale, this.trueScale),
      most: Math.max(this.trueScale * CLOSEST, this.fitScale * 4),
    };
  }

  /** Page pixels per pixel of the screen, in per cent: 100 is 1:1. */
  get percent() {
    return Math.round((this.scale / this.trueScale) * 100);
  }

  /** The views have this size now. */
  resize(width, height) {
    if (!width || !height) return;
    // Where it was on its way to, it is at once.
    const goal = this.#target ?? { scale: this.scale, centre: this.centre };
    const keep = Math.abs(goal.scale / this.fitScale - 1) < FITTED || !this.port.width;
    this.port = { width, height };
    this.#stop();
    if (keep) this.#set(this.fitScale, { x: this.page.width / 2, y: this.page.height / 2 });
    else this.#set(goal.scale, goal.centre);
  }

  toPage(point) {
    return {
      x: (point.x - this.port.width / 2) / this.scale + this.centre.x,
      y: (point.y - this.port.height / 2) / this.scale + this.centre.y,
    };
  }

  toPort(point) {
    return {
      x: (point.x - this.centre.x) * this.scale + this.port.width / 2,
      y: (point.y - this.centre.y) * this.scale + this.port.height / 2,
    };
  }

  /**
   * Show it at a scale; the page under the point, in view pixels, stays where it is.
   * @param from where that part of the page was before, if it is to be moved there as well
   */
  zoomTo(scale, about = { x: this.port.width / 2, y: this.port.height / 2 }, { smooth = false, from = about } = {}) {
    const { least, most } = this.limits;
    const wanted = Math.min(Math.max(scale, least), most);
    const held = this.toPage(from);
    const centre = {
      x: held.x - (about.x - this.port.width / 2) / wanted,
      y: held.y - (about.y - this.port.height / 2) / wanted,
    };
    this.#move(wanted, centre, smooth);
  }

  zoomBy(factor, about, options) {
    this.zoomTo((this.#target?.scale ?? this.scale) * factor, about, options);
  }

  fit(options = {}) {
    this.#move(this.fitScale, { x: this.page.width / 2, y: this.page.height / 2 }, options.smooth);
  }

  /** Move the page by view pixels. */
  panBy(x, y, { smooth = false } = {}) {
    const from = this.#target?.centre ?? this.centre;
    this.#move(this.#target?.scale ?? this.scale, { x: from.x - x / this.scale, y: from.y - y / this.scale }, smooth);
  }

  /** Move as little as needed for a point of the page to be seen. */
  reveal(point, margin = 24) {
    const at = this.toPort(point);
    const beyond = (value, size) => Math.min(value - margin, 0) + Math.max(value - (size - margin), 0);
    const [x, y] = [beyond(at.x, this.port.width), beyond(at.y, this.port.height)];
    if (x || y) this.panBy(-x, -y);
  }

  #target = null;

  #move(scale, centre, smooth) {
    this.#stop();
    if (!smooth || window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#set(scale, centre);
      return;
    }
    this.#target = { scale, centre };
    const [start, from] = [performance.now(), { scale: this.scale, centre: this.centre }];
    const step = (now) => {
      const done = Math.min(Math.max((now - start) / 140, 0), 1);
      const share = 1 - (1 - done) ** 3;
      const between = (a, b) => a + (b - a) * share;
      if (done < 1) this.#frame = requestAnimationFrame(step);
      else this.#stop();
      this.#set(between(from.scale, scale), {
        x: between(from.centre.x, centre.x),
        y: between(from.centre.y, centre.y),
      });
    };
    this.#frame = requestAnimationFrame(step);
  }

  #stop() {
    cancelAnimationFrame(this.#frame);
    this.#target = null;
  }

  #set(scale, centre) {
    this.scale = scale;
    // The page never leaves the view: what is smaller stands in the middle, what is larger fills it.
    const within = (value, size, port) => {
      const half = port / 2 / scale;
      return size <= 2 * half ? size / 2 : Math.min(Math.max(value, half), size - half);
    };
    this.centre = {
      x: within(centre.x, this.page.width, this.port.width),
      y: within(centre.y, this.page.height, this.port.height),
    };
    this.isFitted = Math.abs(scale / this.fitScale - 1) < FITTED;
    this.dispatchEvent(new Event("change"));
  }
}
