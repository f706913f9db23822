// The live page. Whatever comes in is noted at once, and drawn with the next
// frame, of which a page that nobody sees has none.

import { byId, set, text } from "./dom.js";
import { Events } from "./events.js";
import { time as clock } from "./format.js";
import { Ranges } from "./ranges.js";
import { Slots } from "./slots.js";
import { Store, pointOf } from "./store.js";
import { Stream } from "./stream.js";
import { showSummary } from "./summary.js";
import { showTable } from "./table.js";
import { onTheme } from "./theme.js";
import { Traffic } from "./traffic.js";

document.documentElement.classList.add("scripted");

const store = new Store();
const slots = new Slots(byId("charts"), store);
const traffic = new Traffic(byId("charts"), store);
const events = new Events(byId("events"));
const dirty = { status: false, charts: true, events: true };
const ranges = new Ranges(byId("ranges"), () => wants("charts"));

// What the frames took, in milliseconds, for who wants to know: tests do.
const frames = (window.rota = { took: new Float32Array(1024), n: 0, time: () => drawn, last: () => store.last });

let status, point, stored, asked;
let waiting = []; // live points, while the history is asked for
let drawn = 0; // the pool's time when the charts were drawn last

function wants(what) {
  dirty[what] = true;
  if (asked) return;
  asked = true;
  requestAnimationFrame(frame);
}

function frame() {
  const began = performance.now();
  asked = false;
  if (dirty.status && status) {
    showSummary(status);
    showTable(status);
    slots.status(status);
    traffic.status(status, point);
  }
  if (dirty.events) events.show();
  if (dirty.charts && status) drawCharts();
  dirty.status = dirty.charts = dirty.events = false;
  // uPlot draws in microtasks; this one is behind all of those.
  queueMicrotask(() => (frames.took[frames.n++ % frames.took.length] = performance.now() - began));
}

function drawCharts() {
  const to = Math.max(store.last, Date.parse(status.time) / 1000);
  drawn = to;
  // Of a pool that is younger, there is no more to see.
  const from = Math.max(to - ranges.seconds, Math.min(store.n ? store.time[0] : to, to - 60));
  slots.draw(from, to);
  traffic.draw(from, to);
}

function eachChart(call) {
  slots.each(call);
  traffic.each(call);
}

function onStatus(s) {
  if (status && s.started_at !== status.started_at) return begin(s);
  if (document.documentElement.dataset.version !== s.version) return location.reload(); // this page is another rota's
  status = s;
  note(s);
  wants("status");
  // A chart of a day need not move by a fraction of a pixel.
  if (Date.parse(s.time) / 1000 - drawn >= Math.min(ranges.seconds, drawn - store.time[0] || 0) / 800) wants("charts");
}

// note remembers a status for the charts. One may come soon after another, when
// something has happened.
function note(s) {
  if (stored && Date.parse(s.time) - Date.parse(stored.time) < 900) return;
  point = pointOf(s, stored);
  stored = s;
  if (loading) waiting.push(point);
  else store.push(point);
}

// begin listens to a rota that was started anew.
function begin(s) {
  status = s;
  stored = null;
  store.reset();
  events.clear();
  stream.restart();
  load();
}

function onEvent(e) {
  events.add(e);
  wants("events");
  const crash = e.kind === "worker crashed";
  if (e.slot == null || !(crash || e.kind === "cycle done")) return;
  if (store.mark({ time: e.time, slot: e.slot, trigger: crash ? "crash" : e.trigger, reason: e.reason || e.status || e.message })) wants("charts");
}

let loading = false;

// load asks for the history, or for what is missing of it, and puts what came
// meanwhile behind it.
async function load() {
  if (loading) return;
  loading = true;
  try {
    const since = store.n ? "?since=" + new Date(store.last * 1000).toISOString() : "";
    const answer = await fetch("/v1/history" + since, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    store.add(await answer.json());
    document.documentElement.dataset.points = store.n;
  } catch {
    // What is there goes on; it is asked for again with the next connection.
  }
  loading = false;
  for (const p of waiting) store.push(p);
  waiting = [];
  wants("charts");
}

let connection, since = Date.now();

function onState(word) {
  if (word === connection) return;
  connection = word;
  since = Date.now();
  showConnection();
}

function showConnection() {
  if (!connection) return;
  const e = byId("connection");
  set(e, "data-state", connection);
  set(document.documentElement, "data-connection", connection);
  if (connection === "live") return text(e, "Live");
  const last = status ? `; what you see is of ${clock(Date.parse(status.time))}` : "";
  text(e, Date.now() - since > 2000 ? `Reconnecting: rota does not answer${last}` : "Reconnecting");
}

const stream = new Stream({
  event: onEvent,
  status: onStatus,
  state: onState,
  opened: load, // what was missed meanwhile is in the history
  gap: () => {
    events.gap();
    wants("events");
    load();
  },
});
setInterval(showConnection, 1000);
onTheme(() => eachChart((c) => c.redraw()));
new ResizeObserver(() => {
  eachChart((c) => c.fit());
  wants("charts");
}).observe(byId("charts"));
slots.onchange = () => {
  dirty.status = true;
  wants("charts");
};
events.onchange = () => wants("events");
