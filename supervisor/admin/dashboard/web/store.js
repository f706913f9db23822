// What the pool was like over time: a column of numbers for each line that a
// chart may draw, in arrays of a fixed size, so that a page that is open for
// weeks takes no more than one that is open for a day.

const capacity = 7200;

// For how long points are kept as they came, and how coarse they get with age,
// in seconds.
const tiers = [
  { age: 3600, step: 0 },
  { age: 6 * 3600, step: 15 },
  { age: 24 * 3600, step: 60 },
];

// How two points become one: sizes are the most within, rates the mean, ready
// workers the least; as api.Point has them.
const columns = {
  total: Math.max, container: Math.max, limit: Math.max, queue: Math.max, inFlight: Math.max, queued: Math.max,
  p50: Math.max, p99: Math.max, ready: Math.min, requests: mean, shed: mean, cut: mean,
};

function mean(a, b, wa, wb) {
  return (a * wa + b * wb) / (wa + wb);
}

const column = () => new Float32Array(capacity).fill(NaN);

export class Store {
  constructor() {
    this.reset();
  }

  reset() {
    this.n = 0;
    this.time = new Float64Array(capacity); // seconds since the epoch
    this.seconds = column();
    this.pool = {};
    for (const name in columns) this.pool[name] = column();
    this.slots = new Map(); // slot: { private, shared, rss }
    this.marks = []; // { time, slot, trigger, reason, crash }, oldest first
  }

  get last() {
    return this.n ? this.time[this.n - 1] : 0;
  }

  // add puts an api.History behind what there is.
  add(history) {
    for (const p of history.points ?? []) this.push(p);
    for (const m of history.marks ?? []) this.mark(m);
  }

  // push adds an api.Point. One that is not newer than the last is left out.
  push(p) {
    const time = Date.parse(p.time) / 1000;
    if (!(time > this.last)) return;
    if (this.n === capacity) this.compact(time);
    const i = this.n++;
    this.time[i] = time;
    this.seconds[i] = p.seconds || 1;
    const values = {
      total: p.total_bytes, container: p.container_bytes, limit: p.limit_bytes, ready: p.ready, queue: p.accept_queue,
      requests: p.requests_per_second, shed: p.shed_per_second, cut: p.cut_per_second,
      inFlight: p.in_flight, queued: p.queued, p50: p.p50_seconds, p99: p.p99_seconds,
    };
    for (const name in values) this.pool[name][i] = values[name] ?? NaN;
    for (const w of p.workers ?? []) {
      let s = this.slots.get(w.slot);
      if (!s) this.slots.set(w.slot, (s = { private: column(), shared: column(), rss: column() }));
      s.private[i] = w.private_bytes;
      s.shared[i] = w.shared_bytes;
      s.rss[i] = w.rss_bytes;
    }
  }

  // mark adds a cycle or a crash, and tells whether it is new.
  mark(m) {
    const time = Date.parse(m.time) / 1000;
    if (this.marks.some((o) => o.slot === m.slot && Math.abs(o.time - time) < 0.5)) return false;
    this.marks.push({ time, slot: m.slot, trigger: m.trigger, reason: m.reason ?? "", crash: m.trigger === "crash" });
    this.marks.sort((a, b) => a.time - b.time);
    if (this.marks.length > 5000) this.marks.splice(0, 1000);
    return true;
  }

  // compact makes room: what is old gets coarser, what is older goes.
  compact(now) {
    let kept = this.merge((i) => {
      const age = now - this.time[i];
      return tiers.find((t) => age <= t.age)?.step ?? -1;
    });
    // Whoever told of more than a tier holds.
    while (kept > capacity * 0.9) kept = this.merge((i) => (i < this.n / 2 ? 2 * this.seconds[i] : 0));
    for (const [slot, s] of this.slots) if (s.private.subarray(0, this.n).every(Number.isNaN)) this.slots.delete(slot);
    const oldest = this.time[0];
    this.marks = this.marks.filter((m) => m.time >= oldest);
  }

  // merge joins neighbours into points of as many seconds as step says; -1 to
  // leave one out.
  merge(step) {
    let to = -1;
    for (let i = 0; i < this.n; i++) {
      const want = step(i);
      if (want < 0) continue;
      const joins = to >= 0 && this.time[i] - this.time[to] + this.seconds[to] <= want + 0.01;
      if (!joins) to++;
      this.join(to, i, joins);
    }
    for (const all of this.all()) all.fill(NaN, to + 1);
    this.n = to + 1;
    return this.n;
  }

  join(to, from, joins) {
    for (const name in columns) this.put(this.pool[name], to, from, joins, columns[name]);
    for (const s of this.slots.values()) for (const name in s) this.put(s[name], to, from, joins, Math.max);
    this.seconds[to] = joins ? this.seconds[to] + this.seconds[from] : this.seconds[from];
    this.time[to] = this.time[from];
  }

  put(values, to, from, joins, how) {
    const a = values[to], b = values[from];
    if (!joins || Number.isNaN(a)) values[to] = b;
    else if (!Number.isNaN(b)) values[to] = how(a, b, this.seconds[to], this.seconds[from]);
  }

  *all() {
    yield* Object.values(this.pool);
    for (const s of this.slots.values()) yield* Object.values(s);
  }

  // first is the index of the first point of a time, and the one before it, so
  // that a line begins at the edge of its chart.
  first(time) {
    let low = 0, high = this.n;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time[middle] < time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

// pointOf makes an api.Point of a status, as the history does it.
export function pointOf(s, before) {
  const seconds = before ? (Date.parse(s.time) - Date.parse(before.time)) / 1000 : 1;
  const r = s.requests, old = before?.requests;
  const perSecond = (name) => (r && old && seconds > 0 ? Math.max(0, r[name] - old[name]) / seconds : null);
  const serving = new Map();
  for (const w of s.workers) {
    const have = serving.get(w.slot);
    if (!have || w.state === "ready" || have.state !== "ready") serving.set(w.slot, w);
  }
  const workers = [];
  for (const w of serving.values()) {
    const m = w.memory;
    if (m.private_bytes == null) continue;
    const shared = Math.max(0, (m.pss_bytes ?? m.private_bytes) - m.private_bytes);
    workers.push({ slot: w.slot, id: w.id, private_bytes: m.private_bytes, shared_bytes: shared, rss_bytes: m.rss_bytes });
  }
  return {
    time: s.time, seconds, workers, total_bytes: s.memory.total_bytes,
    container_bytes: s.container.usage_bytes, limit_bytes: s.container.limit_bytes,
    ready: s.ready, accept_queue: (s.listeners ?? []).reduce((n, l) => n + (l.queue_length ?? 0), 0),
    requests_per_second: perSecond("total") ?? r?.per_second, shed_per_second: perSecond("shed"), cut_per_second: perSecond("cut"),
    in_flight: r?.in_flight, queued: r?.queued, p50_seconds: r?.p50_seconds, p99_seconds: r?.p99_seconds,
  };
}
