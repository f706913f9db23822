// How the page writes numbers: as ../words.go does.

export const unknown = "–";

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

const fixed = (n, decimals) => (Math.floor(n * 10 ** decimals + 0.5) / 10 ** decimals).toFixed(decimals);

export function size(n) {
  if (n == null) return unknown;
  const sign = n < 0 ? "−" : "";
  n = Math.abs(n);
  let i = 0;
  for (; n >= 1023.5 && i < units.length - 1; i++) n /= 1024;
  const decimals = i > 0 && (n < 9.95 || (i > 2 && n < 99.5)) ? 1 : 0;
  return sign + fixed(n, decimals) + " " + units[i];
}

// tick writes a size on an axis, where it is round.
export function tick(n) {
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return String(Math.round(n * 100) / 100) + " " + units[i];
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds + 0.5));
  const whole = (of) => Math.floor(s / of);
  if (s < 60) return `${s} s`;
  if (s < 600) return `${whole(60)} min ${s % 60} s`;
  if (s < 3600) return `${whole(60)} min`;
  if (s < 86400) return `${whole(3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${whole(86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// between two times as the API writes them.
export const between = (from, to) => span((Date.parse(to) - Date.parse(from)) / 1000);

export function latency(seconds) {
  if (seconds == null) return unknown;
  if (seconds < 0.00995) return fixed(seconds * 1000, 1) + " ms";
  if (seconds < 0.9995) return fixed(seconds * 1000, 0) + " ms";
  return fixed(seconds, seconds < 9.995 ? 2 : 1) + " s";
}

export const count = (n) => (n == null ? unknown : String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f"));

export function rate(perSecond) {
  if (perSecond == null) return unknown;
  return perSecond < 99.95 ? fixed(perSecond, 1) : count(Math.floor(perSecond + 0.5));
}

export const percent = (share) => (share == null ? unknown : fixed(share * 100, 0) + " %");

export const plural = (n, one, more) => `${n} ${n === 1 ? one : more}`;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// time writes the time of day, here, of milliseconds since the epoch.
export const time = (ms) => clock.format(ms);
