// The table of workers: as ../table.go does it for the first look.

import { byId, el, fill, set, text } from "./dom.js";
import { between, count, percent, size, span, unknown } from "./format.js";

const positive = (n, write) => (n > 0 ? write(n) : unknown);
const perHour = (n) => positive(n, () => size(n * 3600) + "/h");
const sharing = (m) => (m.shared_bytes == null || !(m.rss_bytes > 0) ? unknown : percent(m.shared_bytes / m.rss_bytes));

// compared is the memory of a worker that --max-memory speaks of.
export const compared = (metric, m) => m[`${metric || "private"}_bytes`];

function cells(s, w) {
  const m = w.memory;
  const last = w.last_cycle;
  return [
    [size(m.private_bytes), m.denied ? "an upper bound: rota may not read all" : null],
    [sharing(m)], [size(m.pss_bytes)], [size(m.rss_bytes)],
    [perHour(m.growth_bytes_per_second)], [m.limit_at ? between(s.time, m.limit_at) : unknown],
    [percent(w.cpu.cores)], [count(w.requests)], [count(w.in_flight)],
    [between(w.started_at, s.time)], [w.generation], [w.pid],
    last ? [`${last.trigger}, ${between(last.at, s.time)} ago`, last.reason] : [unknown],
  ];
}

function total(s) {
  const { memory: m, requests: r } = s;
  const known = s.workers.filter((w) => w.cpu.cores != null);
  const growth = s.workers.reduce((sum, w) => sum + w.memory.growth_bytes_per_second, 0);
  return [
    [size(m.private_bytes)], [percent(m.sharing_ratio)], [size(m.total_bytes)], [size(m.rss_bytes)],
    [perHour(growth)], [""], [known.length ? percent(known.reduce((sum, w) => sum + w.cpu.cores, 0)) : unknown],
    [count(r?.total)], [count(r?.in_flight)],
    [""], [""], [""], [""],
  ];
}

function doing(s, w) {
  const c = w.capture;
  return c ? [`${w.state}, evidence`, `being taken for ${between(c.began_at, s.time)}, ${span(c.timeout_seconds)} at most`] : [w.state];
}

const svg = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);

// A row has a head, a state, and a cell for each number. That of the private
// memory has a small gauge of the limit.
function row() {
  const tr = el("tr", {}, el("th", { scope: "row" }), el("td", { class: "words" }, el("span", { class: "state" })));
  for (let i = 0; i < 13; i++) tr.append(el("td", i === 12 ? { class: "words" } : {}, el("span")));
  const gauge = svg("svg");
  set(gauge, "class", "gauge");
  set(gauge, "aria-hidden", "true");
  gauge.append(svg("rect"), svg("rect"));
  set(gauge.firstChild, "width", "100%");
  tr.children[2].prepend(gauge);
  return tr;
}

function update(tr, s, w) {
  text(tr.children[0], w.slot);
  const state = tr.children[1].firstElementChild;
  const [words, hover] = doing(s, w);
  text(state, words);
  set(state, "data-state", w.state);
  set(tr.children[1], "title", hover || null);
  cells(s, w).forEach(([value, hover], i) => {
    const td = tr.children[i + 2];
    text(td.lastElementChild, value);
    set(td, "title", hover || null);
  });
  const now = compared(s.memory.metric, w.memory);
  const share = s.memory.limit_bytes > 0 && now != null ? now / s.memory.limit_bytes : null;
  const gauge = tr.children[2].firstElementChild;
  set(gauge, "hidden", share == null ? "" : null);
  set(gauge, "data-full", share >= 0.9 ? "" : null);
  set(gauge.lastChild, "width", `${Math.min(100, 100 * (share ?? 0)).toFixed(1)}%`);
}

let begun = false;

export function showTable(s) {
  const body = byId("workers");
  if (!begun) body.replaceChildren(); // the server's rows
  begun = true;
  fill(body, s.workers, row, (tr, w) => update(tr, s, w));
  const foot = byId("total");
  total(s).forEach(([value], i) => text(foot.children[i + 2], value));
}
