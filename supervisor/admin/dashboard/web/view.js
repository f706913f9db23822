// What a status says, in words: as ../view.go and ../bar.go do it for the first
// look.

import { between, plural, size, span, unknown } from "./format.js";

export const addresses = (s) => (s.listeners ?? []).map((l) => l.address).join(", ");

export const title = (s) => `${s.ready}/${s.desired} rota ${addresses(s)}`;

export function headline(s) {
  const ready = `${s.ready} of ${plural(s.desired, "worker", "workers")}`;
  switch (s.phase) {
    case "starting": return s.desired === 0 ? "Starting" : `Starting: ${ready} ready`;
    case "stopping": return `Stopping: ${plural(s.alive, "worker is", "workers are")} left`;
    case "degraded": return `Degraded: ${ready} ready`;
  }
  return `${ready} ready`;
}

const accepts = { front: "by rota, in front", shared: "by the workers" };

export function facts(s) {
  return [
    ["Serves", addresses(s) || unknown],
    ["Accepted", accepts[s.accept] || s.accept || unknown, `--accept ${s.accept}`],
    ["Generation", s.generation],
    ["Up", between(s.started_at, s.time), s.started_at],
    ["Cycles", cycles(s)],
    ["Next cycle", next(s)],
    ["Last evidence", evidence(s), s.last_capture?.path],
    ["rota", `${s.version} pid ${s.pid}`.trim()],
  ];
}

function cycles(s) {
  const some = Object.entries(s.cycles ?? {}).filter(([, n]) => n > 0);
  some.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return some.map(([name, n]) => `${n} ${name}`).join(", ") || "none yet";
}

function next(s) {
  if (!s.next) return "none foreseen";
  const who = s.next.slot == null ? "all" : `slot ${s.next.slot}`;
  return `${who}, ${s.next.trigger}, in ${between(s.time, s.next.at)}`;
}

function evidence(s) {
  const c = s.last_capture;
  if (!c) return "none";
  const what = c.result === "done" ? size(c.bytes) : `${c.result}: ${c.why}`;
  return `slot ${c.slot}, ${between(c.at, s.time)} ago: ${what}`;
}

const kinds = { steady: "Steady", bloat: "Bloat", leak: "Leak" };

export function verdict(s) {
  const v = s.verdict;
  const numbers = [];
  const add = (name, value, write) => value != null && numbers.push([name, write(value)]);
  add("Growth of a worker", v.growth_bytes_per_hour, (n) => size(n) + "/h");
  add("With each request", v.growth_bytes_per_request, size);
  add("With each second of CPU", v.growth_bytes_per_cpu_second, size);
  add("Settles at", v.settles_bytes, size);
  add("Limit reached in", v.seconds_to_limit, span);
  if (v.causes?.length) add("Causes", v.causes, (all) => all.join("; "));
  return { kind: v.kind, name: kinds[v.kind] ?? "Not known yet", why: v.why, numbers };
}

export function roll(r) {
  let text = `Roll ${r.id} to generation ${r.generation}: ${r.replaced} of ${r.total} replaced`;
  if (r.reason) text += ` (${r.reason})`;
  return r.paused ? { text: text + ", paused", command: "rota roll resume" } : { text, command: "rota roll pause" };
}

export function notices(s) {
  const all = Object.keys(s.paused ?? {}).sort().map((t) => `Cycles for ${t} are paused: ${s.paused[t]}`);
  const kills = s.container.oom_kills;
  if (kills > 0) all.push(`The kernel has killed ${plural(kills, "process", "processes")} for memory.`);
  return all;
}

const share = (n, of) => ((100 * n) / of).toFixed(2) + "%";

export function bar(s) {
  const { container: c, memory: m } = s;
  const total = Math.max(m.private_bytes, m.total_bytes ?? 0);
  const needed = Math.max(total, c.unreclaimable_bytes ?? 0);
  const used = Math.max(needed, c.usage_bytes ?? 0);
  const b = { name: "Memory of the container", parts: [] };
  let end = used;
  if (c.limit_bytes == null) {
    b.name = "Memory";
    b.text = size(used) + ", without a limit";
  } else {
    end = Math.max(used, c.limit_bytes);
    b.text = `${size(used)} of ${size(c.limit_bytes)}`;
    if (c.machine) b.name = "Memory of the machine";
  }
  if (m.budget_bytes != null) {
    end = Math.max(end, m.budget_bytes);
    b.budgetText = `The workers may take ${size(m.budget_bytes)}`;
  }
  if (end <= 0) {
    end = 1;
    b.text = unknown;
  }
  let x = 0;
  const add = (name, bytes) => {
    b.parts.push({ name, value: size(bytes), x: share(x, end), width: share(bytes, end) });
    x += bytes;
  };
  add("Private", m.private_bytes);
  add("Shared", total - m.private_bytes);
  add("Other", needed - total);
  add("Page cache", used - needed);
  add("Free", Math.max(0, end - used));
  if (m.budget_bytes != null) b.budget = share(m.budget_bytes, end);
  return b;
}
