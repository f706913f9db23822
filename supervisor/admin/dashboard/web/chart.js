// A chart over time: uPlot, with the axes, the limit line and the marks of cycles
// that all charts have in common.

import { time as clock } from "./format.js";
import { colors, font } from "./theme.js";

const KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;
const steps = (unit, list) => list.map((n) => n * unit);

// sizes are steps of an axis that come out round in units of 1024.
export const sizes = [
  ...steps(KiB, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
  ...steps(MiB, [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500]),
  ...steps(GiB, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024, 2048, 5120, 10240]),
];

const hourly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

function timeAxis() {
  return {
    stroke: () => colors["ink-3"], font: font(11), size: 24, gap: 6, space: 64,
    grid: { show: false }, border: { show: true, stroke: () => colors.line, width: 1 },
    ticks: { stroke: () => colors.line, width: 1, size: 4 },
    values: (_, splits, __, ___, step) => splits.map((s) => (step < 60 ? clock(s * 1000) : hourly.format(s * 1000))),
  };
}

function valueAxis(o) {
  return {
    stroke: () => colors["ink-3"], font: font(11), size: o.width, gap: 6, space: 34,
    grid: { stroke: () => colors.grid, width: 1 }, ticks: { show: false }, border: { show: false },
    incrs: o.steps, values: (_, splits) => splits.map((s) => o.write(s)),
  };
}

export class Chart {
  // o: element, series (of uPlot), write, steps, width of the axis,
  // compact (no axes), most(): the least that the axis ends at,
  // line(): where the limit is drawn, marks(from): what is drawn where,
  // hover(index or null, mark or null).
  constructor(o) {
    this.o = o;
    this.from = 0;
    this.to = 1;
    this.data = [[], ...o.series.map(() => [])];
    this.plot = new uPlot(this.options(), this.data, o.element);
  }

  options() {
    const o = this.o;
    return {
      ...this.box(), drawOrder: ["series", "axes"], padding: o.compact ? [6, 0, 2, 0] : [10, 26, 0, 0],
      legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false, setScale: false }, points: { show: false },
        sync: { key: "time", setSeries: false, scales: ["x", null] },
      },
      scales: {
        x: { time: true, range: () => [this.from, this.to] },
        y: { range: (_, __, most) => [0, Math.max((most ?? 0) * 1.08, o.most?.() ?? 0) || 1] },
      },
      axes: o.compact ? [{ show: false }, { show: false }] : [timeAxis(), valueAxis(o)],
      series: [{}, ...o.series],
      hooks: { draw: [(u) => this.draw(u)], setCursor: [(u) => this.point(u)] },
    };
  }

  box() {
    const { clientWidth: width, clientHeight: height } = this.o.element;
    return { width: Math.max(width, 40), height: Math.max(height, 30) };
  }

  fit() {
    const box = this.box();
    if (box.width !== this.plot.width || box.height !== this.plot.height) this.plot.setSize(box);
  }

  // show draws new data of a stretch of time. Nothing is known of it yet where
  // there are no points.
  show(from, to, data) {
    [this.from, this.to] = [from, to];
    this.empty = data[0].length === 0;
    this.data = this.empty ? [[from, to], ...this.o.series.map(() => [null, null])] : data;
    this.plot.setData(this.data);
  }

  redraw() {
    this.plot.redraw(false, true);
  }

  draw(u) {
    const { ctx, bbox } = u;
    ctx.save();
    const line = this.o.line?.();
    if (line != null) this.drawLine(u, line);
    for (const m of this.o.marks?.(this.from) ?? []) this.drawMark(u, m);
    if (this.empty && !this.o.compact) {
      ctx.fillStyle = colors["ink-3"];
      ctx.font = font(12 * uPlot.pxRatio);
      ctx.textAlign = "center";
      ctx.fillText("no numbers yet", bbox.left + bbox.width / 2, bbox.top + bbox.height / 2);
    }
    ctx.restore();
    this.o.drawn?.();
  }

  drawLine(u, value) {
    const { ctx, bbox } = u;
    const y = Math.round(u.valToPos(value, "y", true));
    ctx.strokeStyle = colors[this.o.lineColor ?? "limit"];
    ctx.lineWidth = 1.5 * uPlot.pxRatio;
    ctx.setLineDash([5 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // drawMark draws a hairline with a triangle on top; a crash has a cross.
  drawMark(u, m) {
    const { ctx, bbox } = u;
    const r = uPlot.pxRatio, x = Math.round(u.valToPos(m.time, "x", true)), y = bbox.top - 2 * r;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.strokeStyle = ctx.fillStyle = m.crash ? colors.bad : colors.mark;
    ctx.lineWidth = r;
    ctx.globalAlpha = 0.45;
    ctx.beginPath();
    ctx.moveTo(x + 0.5, bbox.top);
    ctx.lineTo(x + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    if (m.crash) {
      ctx.lineWidth = 2 * r;
      ctx.moveTo(x - 3 * r, y - 3 * r);
      ctx.lineTo(x + 3 * r, y + 3 * r);
      ctx.moveTo(x + 3 * r, y - 3 * r);
      ctx.lineTo(x - 3 * r, y + 3 * r);
      ctx.stroke();
    } else {
      ctx.moveTo(x - 3.5 * r, y - 3 * r);
      ctx.lineTo(x + 3.5 * r, y - 3 * r);
      ctx.lineTo(x, y + 3 * r);
      ctx.fill();
    }
  }

  // point tells what is under the cursor, which all charts share.
  point(u) {
    if (!this.o.hover) return;
    const { left, idx } = u.cursor;
    if (left == null || left < 0 || idx == null || this.empty) return this.o.hover(null, null);
    let near = null;
    for (const m of this.o.marks?.(this.from) ?? []) {
      const d = Math.abs(u.valToPos(m.time, "x") - left);
      if (d <= 6 && d < (near?.d ?? 7)) near = { d, m };
    }
    this.o.hover(idx, near?.m ?? null);
  }
}
