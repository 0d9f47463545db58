// The page's own pixels, loaded when, and only when, somebody looks closer than the screen's copy reaches.

const SETTLED_MS = 120;
const MOST_TILES = 24;

export class Pictures {
  #timer = 0;
  #tilesAreMade = null;

  /** @param sources {screenWidth, wholeUrl, tileUrl, tileSide}; `complain` is called where a picture does not come */
  constructor(sight, sheets, sources, complain) {
    this.sight = sight;
    this.sheets = sheets;
    this.sources = sources;
    this.complain = complain;
    sight.addEventListener("change", () => this.look());
  }

  /** Load what is missing, once the picture has come to rest. */
  look() {
    clearTimeout(this.#timer);
    const shown = this.sight.scale * this.sight.page.width * (window.devicePixelRatio || 1);
    if (shown > this.sources.screenWidth * 1.05) this.#timer = setTimeout(() => this.#sharpen(), SETTLED_MS);
  }

  #sharpen() {
    if (this.sources.wholeUrl) this.#whole();
    else if (this.sources.tileUrl) this.#tiles().catch(() => this.complain());
  }

  #whole() {
    for (const sheet of this.#shownSheets()) {
      if (!sheet.querySelector(".stage-sharp")) this.#put(sheet, this.sources.wholeUrl, "whole");
    }
  }

  async #tiles() {
    // The server makes all of them when the first is asked for; asking for many at once would only queue there.
    this.#tilesAreMade ??= fetch(this.sources.tileUrl, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    const first = await this.#tilesAreMade.catch(() => null);
    if (!first?.ok) {
      this.#tilesAreMade = null;
      throw new Error("no tiles");
    }
    const [side, { width, height }] = [this.sources.tileSide, this.sight.page];
    const least = this.sight.toPage({ x: 0, y: 0 });
    const most = this.sight.toPage({ x: this.sight.port.width, y: this.sight.port.height });
    const [left, top] = [Math.max(Math.floor(least.x / side), 0), Math.max(Math.floor(least.y / side), 0)];
    const [right, bottom] = [Math.min(most.x, width - 1) / side, Math.min(most.y, height - 1) / side];
    for (const sheet of this.#shownSheets()) {
      for (let row = top; row <= bottom; row += 1) {
        for (let column = left; column <= right; column += 1) this.#tile(sheet, column, row);
      }
      for (const old of [...sheet.querySelectorAll(".stage-sharp")].slice(0, -MOST_TILES)) old.remove();
    }
  }

  #tile(sheet, column, row) {
    const name = `${column}-${row}`;
    const known = sheet.querySelector(`.stage-sharp[data-part="${name}"]`);
    if (known) {
      // Last in line to be let go.
      this.#after(sheet).before(known);
      return;
    }
    const [side, { width, height }] = [this.sources.tileSide, this.sight.page];
    const picture = this.#put(sheet, this.sources.tileUrl.replace(/0\/0\/$/, `${column}/${row}/`), name);
    const percent = (part, whole) => `${(part / whole) * 100}%`;
    picture.style.left = percent(column * side, width);
    picture.style.top = percent(row * side, height);
    picture.style.width = percent(Math.min(side, width - column * side), width);
    picture.style.height = percent(Math.min(side, height - row * side), height);
  }

  #put(sheet, url, part) {
    const picture = new Image();
    picture.className = "stage-sharp";
    picture.alt = "";
    picture.draggable = false;
    picture.dataset.part = part;
    picture.addEventListener("error", () => {
      picture.remove();
      this.complain();
    });
    picture.src = url;
    this.#after(sheet).before(picture);
    return picture;
  }

  #shownSheets() {
    return this.sheets.filter((sheet) => sheet.offsetParent);
  }

  #after(sheet) {
    return sheet.querySelector(".stage-end");
  }
}
