// What happens, as it happens: the last of it.

import { el, fill, set, text } from "./dom.js";
import { size, span, time as clock } from "./format.js";

const kept = 200;
const levels = ["debug", "info", "warn", "error"];

export class Events {
  constructor(parent) {
    this.list = [];
    this.from = "info";
    this.rows = el("ol", { class: "events" });
    this.none = el("p", { class: "note" });
    parent.append(el("section", { "aria-labelledby": "events-name" },
      el("div", { class: "heading" }, el("h2", { id: "events-name" }, "Events"), this.filter()),
      el("div", { class: "card scroll tall", tabindex: "0", role: "region", "aria-labelledby": "events-name" }, this.none, this.rows)));
  }

  filter() {
    const select = el("select", {});
    for (const [level, words] of [["debug", "all"], ["info", "without debug"], ["warn", "warnings and errors"]]) {
      select.append(el("option", { value: level, selected: level === this.from ? "" : null }, words));
    }
    select.onchange = () => {
      this.from = select.value;
      this.onchange();
    };
    return el("label", { class: "filter" }, "Show ", select);
  }

  add(e) {
    this.list.push(e);
    if (this.list.length > 2 * kept) this.list.splice(0, this.list.length - kept);
  }

  // gap notes that something is missing before what comes next.
  gap() {
    this.add({ time: this.list.at(-1)?.time ?? new Date().toISOString(), kind: "events are missing here", level: "warn", message: "they are not kept any more" });
  }

  clear() {
    this.list = [];
  }

  show() {
    const least = levels.indexOf(this.from);
    const some = this.list.slice(-kept).filter((e) => levels.indexOf(e.level) >= least).reverse();
    text(this.none, some.length ? "" : this.list.length ? "Nothing of that kind has happened lately." : "Nothing has happened yet.");
    set(this.none, "hidden", some.length ? "" : null);
    fill(this.rows, some, make, update);
  }
}

const make = () => el("li", {}, el("time"), el("span", { class: "level" }), el("span", { class: "slot-of" }), el("b"), el("span", { class: "what" }));

function update(li, e) {
  const [time, level, slot, kind, what] = li.children;
  text(time, clock(Date.parse(e.time)));
  set(time, "datetime", e.time);
  set(time, "title", e.time);
  set(li, "data-level", e.level);
  text(level, e.level === "info" ? "" : e.level);
  text(slot, e.slot == null ? "" : `slot ${e.slot}`);
  text(kind, e.kind);
  text(what, describe(e));
}

function describe(e) {
  const parts = [];
  if (e.trigger) parts.push(e.reason ? `${e.trigger}: ${e.reason}` : e.trigger);
  else if (e.reason) parts.push(e.reason);
  if (e.message) parts.push(e.message);
  if (e.exit || e.status) parts.push([e.exit, e.status].filter(Boolean).join(", "));
  if (e.seconds) parts.push(e.seconds < 10 ? `${e.seconds.toFixed(2)} s` : span(e.seconds));
  if (e.cut) parts.push(`${e.cut} cut`);
  if (e.cut_upgrades) parts.push(`${e.cut_upgrades} upgraded cut`);
  if (e.path) parts.push(e.bytes ? `${e.path} (${size(e.bytes)})` : e.path);
  if (e.pid) parts.push(`pid ${e.pid}`);
  return parts.join(" · ");
}
