// The charts of the whole pool.

import { el, set, text } from "./dom.js";
import { Chart, sizes } from "./chart.js";
import { count, latency, rate, size, tick, time as clock } from "./format.js";
import { colors } from "./theme.js";

const plain = (name, color, more = {}) => ({ name, color, ...more });
// What a whole machine uses says little of the pool, and would make it small.
const contained = (s) => !s.container.machine;
const queue = (s) => (s.listeners ?? []).reduce((n, l) => n + (l.queue_length ?? 0), 0);
const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const brief = (n) => (n >= 1000 ? `${n / 1000}k` : String(Math.round(n * 1000) / 1000));

// What is drawn: columns of the store, and how their numbers are written. The
// first line is filled where it stands alone.
const charts = [
  {
    name: "Requests", unit: "/s", front: true, write: (n) => rate(n) + "/s", axis: brief, least: 1,
    lines: [plain("requests", "private", { fill: "private-fill", label: "" })],
    now: (s, p) => `${rate(p?.requests_per_second ?? s.requests?.per_second)}/s`,
    values: (s) => [null], more: (s) => `${count(s.requests?.total)} so far, ${count(s.requests?.in_flight)} in flight`,
  },
  {
    name: "Latency", front: true, write: latency, axis: (n) => (n === 0 ? "0" : latency(n)), least: 0.001,
    lines: [plain("p99", "second", { label: "p99" }), plain("p50", "private", { label: "p50" })],
    now: (s) => latency(s.requests?.p99_seconds), values: (s) => [s.requests?.p99_seconds, s.requests?.p50_seconds],
  },
  {
    name: "Shed and cut", front: true, bars: true, write: (n) => rate(n) + "/s", axis: brief, least: 1,
    lines: [plain("shed", "warn", { label: "shed", fill: "warn" }), plain("cut", "bad", { label: "cut", fill: "bad" })],
    now: (s, p) => `${rate((p?.shed_per_second ?? 0) + (p?.cut_per_second ?? 0))}/s`,
    values: (s) => [s.requests?.shed, s.requests?.cut], total: count, more: () => "so far",
  },
  {
    name: "Memory of all", write: size, axis: tick, steps: sizes, width: 62, least: 1 << 20,
    lines: [plain("container", "plain", { label: "container", fill: "plain-fill", only: contained }), plain("total", "private", { label: "workers", fill: "private-fill" })],
    now: (s) => size(s.memory.total_bytes ?? s.memory.private_bytes), values: (s) => [s.container.usage_bytes, s.memory.total_bytes ?? s.memory.private_bytes],
    line: (s) => (s.container.machine ? s.memory.budget_bytes : (s.memory.budget_bytes ?? s.container.limit_bytes)),
  },
  {
    name: "Waiting", write: count, axis: brief, steps: whole, least: 4,
    lines: [plain("queue", "private", { label: "at the socket", fill: "private-fill" }), plain("queued", "second", { label: "for a worker" })],
    now: (s) => count(queue(s)),
    values: (s) => [queue(s), s.requests?.queued],
  },
  {
    name: "Ready workers", write: count, axis: brief, steps: whole, least: 1, stepped: true,
    lines: [plain("ready", "good", { label: "ready", fill: "plain-fill" })],
    now: (s) => `${s.ready} of ${s.desired}`, values: (s) => [s.ready], more: (s) => `${s.alive} alive`, line: (s) => s.desired, lineColor: "ink-3",
  },
];

export class Traffic {
  constructor(parent, store) {
    this.store = store;
    const grid = el("div", { class: "traffic" });
    parent.append(el("section", { "aria-labelledby": "pool-name" }, el("div", { class: "heading" }, el("h2", { id: "pool-name" }, "The pool")), grid));
    this.cards = charts.map((about) => this.make(grid, about));
  }

  make(grid, about) {
    const now = el("p", { class: "value" });
    const plot = el("div", { class: "plot", role: "img" });
    const said = el("figcaption", { class: "said" });
    const lines = about.lines.map((l) => {
      const value = el("b");
      said.append(el("span", { class: "line", hidden: l.label ? null : "" }, el("i", { class: `stroke ${l.color}` }), ` ${l.label} `, value));
      return value;
    });
    const more = el("span", { class: "ahead" });
    said.append(more);
    const element = el("figure", { class: "card pool" }, el("div", { class: "title" }, el("h3", {}, about.name), now), plot, said);
    grid.append(element);
    return { about, element, now, plot, lines, more, arrays: [[], ...about.lines.map(() => [])] };
  }

  status(s, point) {
    this.last = s;
    for (const card of this.cards) {
      const { about } = card;
      set(card.element, "hidden", about.front && !s.requests ? "" : null);
      text(card.now, about.now(s, point));
      if (!card.hovered) this.say(card);
      set(card.plot, "aria-label", `${about.name} over time. Now ${card.now.textContent}.`);
    }
  }

  // say tells of now, and so what the lines are.
  say(card) {
    const { about } = card;
    const values = about.values(this.last);
    card.lines.forEach((e, j) => {
      text(e, (about.total ?? about.write)(values[j]));
      set(e.parentElement, "hidden", values[j] == null || !this.has(about.lines[j]) ? "" : null); // it is of something that this pool has not
    });
    text(card.more, about.more?.(this.last) ?? "");
  }

  has(line) {
    return !line.only || line.only(this.last);
  }

  draw(from, to) {
    if (!this.last) return;
    for (const card of this.cards) {
      if (card.element.hidden) continue;
      card.chart ??= this.chart(card);
      card.chart.show(from, to, this.data(card, this.store.first(from)));
    }
  }

  data(card, begin) {
    const { store } = this;
    const [x, ...lines] = card.arrays;
    const columns = card.about.lines.map((l) => store.pool[l.name]);
    const n = store.n - begin;
    x.length = n;
    for (let k = 0; k < n; k++) x[k] = store.time[begin + k];
    columns.forEach((c, j) => {
      const line = lines[j];
      const has = this.has(card.about.lines[j]);
      line.length = n;
      for (let k = 0; k < n; k++) {
        const v = c[begin + k];
        line[k] = has && v >= 0 ? v : null;
      }
    });
    return card.arrays;
  }

  chart(card) {
    const { about } = card;
    const series = about.lines.map((l) => ({
      stroke: () => colors[l.color], width: 1.5, points: { show: false }, fill: l.fill && (() => colors[l.fill]),
      paths: about.stepped ? uPlot.paths.stepped({ align: 1 }) : about.bars ? uPlot.paths.bars({ size: [0.8, 12, 1] }) : undefined,
    }));
    return new Chart({
      element: card.plot, series, write: about.axis, steps: about.steps, width: about.width ?? 48,
      most: () => Math.max(about.least, (about.line?.(this.last) ?? 0) * 1.08),
      lineColor: about.lineColor, line: about.line && (() => about.line(this.last)),
      hover: (i) => this.hover(card, i),
    });
  }

  hover(card, i) {
    card.hovered = i != null;
    if (i == null) return this.say(card);
    const [x, ...lines] = card.arrays;
    card.lines.forEach((e, j) => text(e, card.about.write(lines[j][i])));
    const at = clock(x[i] * 1000);
    text(card.more, card.about.lines[0].label ? at : `${card.about.write(lines[0][i])} at ${at}`);
  }

  each(call) {
    for (const card of this.cards) if (card.chart) call(card.chart);
  }
}
