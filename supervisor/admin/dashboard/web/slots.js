// The memory of each slot, as small charts of one scale: a saw, with a mark for
// each cycle.

import { byId, el, set, text } from "./dom.js";
import { Chart, sizes } from "./chart.js";
import { between, size, tick, time as clock, unknown } from "./format.js";
import { colors } from "./theme.js";

const roomy = 12; // more slots than these get charts without axes
const most = 24; // and more than these are shown only if somebody asks
const chosenFor = 15; // seconds, so that charts do not jump about

export class Slots {
  constructor(parent, store) {
    this.store = store;
    this.cards = new Map();
    this.visible = new Set();
    this.grid = el("div", { class: "slots" });
    this.more = el("button", { type: "button", class: "more", hidden: "" });
    this.note = el("p", { class: "note" });
    this.more.onclick = () => {
      this.all = !this.all;
      this.chosen = 0;
      this.onchange();
    };
    parent.append(el("section", { "aria-labelledby": "slots-name" },
      el("div", { class: "heading" }, el("h2", { id: "slots-name" }, "Memory of each worker"), this.key()), this.grid, el("div", { class: "heading" }, this.more, this.note)));
    this.seen = new IntersectionObserver((entries) => {
      for (const e of entries) this.visible[e.isIntersecting ? "add" : "delete"](Number(e.target.dataset.slot));
      this.onchange();
    }, { rootMargin: "200px" });
  }

  key() {
    const swatch = (name, words) => el("li", {}, el("i", { class: `swatch ${name}` }), " ", el("span", {}, words));
    this.limitKey = swatch("limit", "limit of a worker");
    return el("ul", { class: "legend" }, swatch("private", "private"), swatch("shared", "its part of what is shared"), this.limitKey,
      swatch("cycle", "cycle"), swatch("crash", "crash"));
  }

  // pick chooses the slots to show: all, or those with the most memory.
  pick(s) {
    const now = new Map();
    for (const w of s.workers) now.set(w.slot, Math.max(now.get(w.slot) ?? 0, w.memory.private_bytes ?? 0));
    const slots = [...now.keys()].sort((a, b) => a - b);
    set(this.more, "hidden", slots.length > most ? null : "");
    text(this.more, this.all ? `Show the ${most} with the most memory` : `Show all ${slots.length} slots`);
    text(this.note, slots.length > most && !this.all ? `The ${most} of ${slots.length} slots with the most private memory, chosen every ${chosenFor} seconds.` : "");
    if (slots.length <= most || this.all) return slots;
    if (!this.chosen || performance.now() - this.chosen > chosenFor * 1000) {
      this.chosen = performance.now();
      this.few = slots.toSorted((a, b) => now.get(b) - now.get(a)).slice(0, most).sort((a, b) => a - b);
    }
    return this.few.filter((slot) => now.has(slot));
  }

  // status updates what is said of each slot, and which there are.
  status(s) {
    this.last = s;
    const slots = this.pick(s);
    const compact = slots.length > roomy;
    if (compact !== this.compact) {
      this.compact = compact;
      set(this.grid, "data-compact", compact ? "" : null);
      for (const slot of [...this.cards.keys()]) this.drop(slot);
    }
    for (const slot of [...this.cards.keys()]) if (!slots.includes(slot)) this.drop(slot);
    slots.forEach((slot, i) => {
      const card = this.cards.get(slot) ?? this.make(slot);
      if (this.grid.children[i] !== card.element) this.grid.insertBefore(card.element, this.grid.children[i] ?? null);
      this.describe(card, s);
    });
    set(this.limitKey, "hidden", s.memory.limit_bytes == null ? "" : null);
  }

  make(slot) {
    const name = el("h3", {}, `Slot ${slot}`);
    const state = el("span", { class: "state" });
    const now = el("p", { class: "value" });
    const plot = el("div", { class: "plot", role: "img" });
    const said = el("span", { class: "was" });
    const ahead = el("span", { class: "ahead" });
    const element = el("figure", { class: "card slot", "data-slot": slot }, el("div", { class: "title" }, name, state, now), plot,
      el("figcaption", { class: "said" }, said, ahead));
    const card = { slot, element, state, now, plot, said, ahead };
    this.cards.set(slot, card);
    this.seen.observe(element);
    return card;
  }

  drop(slot) {
    const card = this.cards.get(slot);
    this.seen.unobserve(card.element);
    card.chart?.plot.destroy();
    card.element.remove();
    this.cards.delete(slot);
    this.visible.delete(slot);
  }

  describe(card, s) {
    const workers = s.workers.filter((w) => w.slot === card.slot);
    const w = workers.find((w) => w.state === "ready") ?? workers.at(-1);
    card.worker = w;
    const other = workers.find((o) => o !== w);
    text(card.state, other ? `${w.state}, ${other.state}` : w.state);
    set(card.state, "data-state", w.state);
    set(card.state, "title", this.compact ? card.state.textContent : null);
    text(card.now, size(w.memory.private_bytes));
    set(card.now, "title", s.memory.limit_bytes ? `of ${size(s.memory.limit_bytes)}` : null);
    if (!card.hovered) this.say(card, s);
    const limit = s.memory.limit_bytes ? `, limit ${size(s.memory.limit_bytes)}` : "";
    set(card.plot, "aria-label", `Memory of slot ${card.slot} over time. Private now ${size(w.memory.private_bytes)}${limit}.`);
  }

  say(card, s) {
    const { memory: m, last_cycle: last } = card.worker;
    text(card.said, last ? `${last.trigger} ${between(last.at, s.time)} ago` : `up ${between(card.worker.started_at, s.time)}`);
    set(card.said, "title", last?.reason || null);
    const ahead = m.limit_at ? `limit in ${between(s.time, m.limit_at)}` : "";
    if (this.compact && ahead) text(card.said, ahead); // there is room for one
    text(card.ahead, this.compact ? "" : ahead);
  }

  // draw draws what is in sight.
  draw(from, to) {
    const s = this.last;
    if (!s) return;
    const { store } = this;
    const begin = store.first(from);
    const rss = s.memory.metric === "rss";
    let top = s.memory.limit_bytes ?? 0;
    for (const slot of this.cards.keys()) {
      const c = store.slots.get(slot);
      if (!c) continue;
      for (let i = begin; i < store.n; i++) {
        const v = rss ? c.rss[i] : c.private[i] + c.shared[i];
        if (v > top) top = v;
      }
    }
    this.top = top * 1.08;
    for (const slot of this.visible) {
      const card = this.cards.get(slot);
      if (!card) continue;
      card.chart ??= this.chart(card, rss);
      card.chart.show(from, to, this.data(card, begin, rss));
    }
  }

  data(card, begin, rss) {
    const { store } = this;
    const c = store.slots.get(card.slot);
    const [x, sum, own, all] = (card.arrays ??= [[], [], [], []]);
    let k = 0;
    for (let i = begin; c && i < store.n; i++, k++) {
      const p = c.private[i];
      x[k] = store.time[i];
      own[k] = p >= 0 ? p : null;
      sum[k] = p >= 0 ? p + c.shared[i] : null;
      all[k] = p >= 0 ? c.rss[i] : null;
    }
    x.length = sum.length = own.length = all.length = k;
    return rss ? [x, sum, own, all] : [x, sum, own];
  }

  chart(card, rss) {
    const series = [
      // What is shared is what the private part, drawn over it, leaves to be seen.
      { stroke: () => colors.shared, fill: () => colors["shared-under"], width: 1, points: { show: false } },
      { stroke: () => colors.private, fill: () => colors["private-over"], width: 1.5, points: { show: false } },
    ];
    if (rss) series.push({ stroke: () => colors["ink-2"], width: 1, points: { show: false } });
    return new Chart({
      element: card.plot, series,
      compact: this.compact, steps: sizes, write: tick, width: 62, most: () => this.top,
      line: () => this.last.memory.limit_bytes,
      marks: (since) => this.store.marks.filter((m) => m.slot === card.slot && m.time >= since),
      hover: (i, mark) => this.hover(card, i, mark),
      drawn: () => this.drawn(card),
    });
  }

  // drawn says in the page which marks can be seen in the canvas.
  drawn(card) {
    const marks = this.store.marks.filter((m) => m.slot === card.slot && m.time >= card.chart?.from);
    set(card.element, "data-marks", marks.length);
    set(card.element, "data-last-mark", marks.length ? new Date(marks.at(-1).time * 1000).toISOString() : null);
  }

  hover(card, i, mark) {
    card.hovered = i != null;
    if (i == null) return this.say(card, this.last);
    const [x, sum, own] = card.arrays;
    const words = `${clock(x[i] * 1000)}  private ${own[i] == null ? unknown : size(own[i])}, shared ${own[i] == null ? unknown : size(sum[i] - own[i])}`;
    text(card.ahead, "");
    text(card.said, mark ? `${clock(mark.time * 1000)}  ${mark.trigger}: ${mark.reason || "no reason is known"}` : words);
  }

  each(call) {
    for (const card of this.cards.values()) if (card.chart) call(card.chart);
  }
}
