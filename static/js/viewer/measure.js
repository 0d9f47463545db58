// What a span on the page means. Pure functions: points are page pixels, y downwards.

export const LARGE_BOX_MM = 5;

/** Unit vectors of the paper's time axis and of its downward axis on a page turned clockwise by so many degrees. */
export function axes(rotationDeg) {
  const turn = ((rotationDeg || 0) * Math.PI) / 180;
  return { along: { x: Math.cos(turn), y: Math.sin(turn) }, down: { x: -Math.sin(turn), y: Math.cos(turn) } };
}

const dot = (from, to, axis) => (to.x - from.x) * axis.x + (to.y - from.y) * axis.y;

/** Whether a drag was meant for time or for voltage: the paper's axis that it follows more closely. */
export function kindOf(from, to, rotationDeg) {
  const { along, down } = axes(rotationDeg);
  return Math.abs(dot(from, to, along)) >= Math.abs(dot(from, to, down)) ? "time" : "voltage";
}

/** Where a span of this kind ends that is drawn towards a point: on the paper's axis through its start. */
export function endTowards(kind, from, to, rotationDeg) {
  const axis = axes(rotationDeg)[kind === "time" ? "along" : "down"];
  const length = dot(from, to, axis);
  return { x: from.x + length * axis.x, y: from.y + length * axis.y };
}

/**
 * Read a span.
 * @param kind "time" or "voltage"
 * @param scale {pxPerMm, rotationDeg, mmPerS, mmPerMv}; pxPerMm 0 where nothing is known
 * @returns {{px: number, ms?: number, perMinute?: number, mv?: number}} without values where the scale is not known
 */
export function read(kind, from, to, scale) {
  const { along, down } = axes(scale.rotationDeg);
  const px = Math.abs(dot(from, to, kind === "time" ? along : down));
  if (!(scale.pxPerMm > 0)) return { px };
  const mm = px / scale.pxPerMm;
  if (kind === "voltage") return { px, mv: mm / scale.mmPerMv };
  const ms = (mm / scale.mmPerS) * 1000;
  return ms > 0 ? { px, ms, perMinute: 60_000 / ms } : { px, ms };
}

/** Page pixels per millimetre, from a drag along one side of a large box. */
export function pxPerMm(from, to) {
  return Math.hypot(to.x - from.x, to.y - from.y) / LARGE_BOX_MM;
}

/** A time span repeated to both edges of the page: where its marks lie. */
export function march(from, to, page, most = 200) {
  const step = { x: to.x - from.x, y: to.y - from.y };
  if (Math.hypot(step.x, step.y) < page.width / most) return [];
  const inside = (point) => point.x >= 0 && point.x <= page.width && point.y >= 0 && point.y <= page.height;
  const marks = [];
  for (const way of [-1, 1]) {
    const start = way < 0 ? from : to;
    for (let number = 1; number <= most; number += 1) {
      const mark = { x: start.x + way * number * step.x, y: start.y + way * number * step.y };
      if (!inside(mark)) break;
      marks.push(mark);
    }
  }
  return marks;
}
