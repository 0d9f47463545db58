// Wheel, mouse, pen and fingers on a view of the page.

const CLICK_PX = 4;
const DOUBLE_ZOOM = 2;

/**
 * @param view the element
 * @param sight what it shows
 * @param tool who draws on the page: `isOn`, `begin`, `move`, `end(point, wasClick)`, `cancel`; else the page is moved
 * @param isAlone whether the wheel may be ours without Ctrl, because there is nothing behind to scroll
 */
export function listen(view, sight, tool, isAlone) {
  const fingers = new Map();
  let drag = null;
  let lastClick = null;

  const at = (event) => {
    const box = view.getBoundingClientRect();
    return { x: event.clientX - box.left - view.clientLeft, y: event.clientY - box.top - view.clientTop };
  };

  view.addEventListener(
    "wheel",
    (event) => {
      // A pinch on a touchpad comes as a wheel with Ctrl. The plain wheel goes on scrolling what is around us.
      if (!(event.ctrlKey || event.metaKey || isAlone())) return;
      event.preventDefault();
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : event.deltaMode ? view.clientHeight : 1;
      sight.zoomBy(Math.exp(-Math.max(Math.min(event.deltaY * unit, 240), -240) / 300), at(event));
    },
    { passive: false },
  );

  view.addEventListener("pointerdown", (event) => {
    if (event.button > 1 || event.target.closest("[data-grip]")) return;
    const point = at(event);
    fingers.set(event.pointerId, point);
    if (fingers.size === 2) {
      if (drag?.draws) tool.cancel();
      drag = null;
      return;
    }
    if (fingers.size > 2) return;
    const draws = tool.isOn && event.button === 0;
    if (event.button === 1) event.preventDefault();
    drag = { id: event.pointerId, from: point, last: point, draws, moved: false };
    // A finger that is about to scroll the window is not ours to hold.
    if (event.pointerType !== "touch" || draws || !sight.isFitted) view.setPointerCapture(event.pointerId);
    if (draws) tool.begin(sight.toPage(point));
  });

  view.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const point = at(event);
    if (fingers.size === 2) {
      pinch(event.pointerId, point);
      return;
    }
    fingers.set(event.pointerId, point);
    if (drag?.id !== event.pointerId) return;
    drag.moved ||= Math.hypot(point.x - drag.from.x, point.y - drag.from.y) > CLICK_PX;
    if (!drag.moved) return;
    view.classList.add("is-dragged");
    if (drag.draws) tool.move(sight.toPage(point));
    else sight.panBy(point.x - drag.last.x, point.y - drag.last.y);
    drag.last = point;
  });

  function pinch(id, point) {
    const [one, two] = [...fingers.values()];
    const before = { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, apart: Math.hypot(one.x - two.x, one.y - two.y) };
    fingers.set(id, point);
    const [first, second] = [...fingers.values()];
    const after = { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 };
    const factor = Math.hypot(first.x - second.x, first.y - second.y) / Math.max(before.apart, 1);
    // In one move: the page must not be pulled back to its edges in between.
    sight.zoomBy(factor, after, { from: before });
  }

  function lift(event) {
    if (!fingers.delete(event.pointerId)) return;
    if (drag?.id !== event.pointerId) return;
    const { draws, moved } = drag;
    drag = null;
    view.classList.remove("is-dragged");
    if (draws && event.type === "pointerup") tool.end(sight.toPage(at(event)), !moved);
    else if (draws) tool.cancel();
    else if (!moved && event.type === "pointerup" && event.button === 0) click(event);
  }
  view.addEventListener("pointerup", lift);
  view.addEventListener("pointercancel", lift);

  // Told from two clicks and not from "dblclick", which not every browser sends for fingers.
  function click(event) {
    const point = at(event);
    const isSecond =
      lastClick && event.timeStamp - lastClick.time < 400 && Math.hypot(point.x - lastClick.x, point.y - lastClick.y) < 24;
    lastClick = isSecond ? null : { ...point, time: event.timeStamp };
    if (!isSecond) return;
    if (sight.isFitted) sight.zoomTo(Math.max(sight.trueScale, sight.fitScale * DOUBLE_ZOOM), point, { smooth: true });
    else sight.fit({ smooth: true });
  }
}
