// The choice of how far back the charts reach. It is a part of the address, so
// that a link keeps it.

import { el } from "./dom.js";

const ranges = { "10 min": 600, "1 h": 3600, "6 h": 6 * 3600, "24 h": 24 * 3600 };
const slug = (name) => name.replace(" ", "");

export class Ranges {
  constructor(parent, changed) {
    const named = Object.keys(ranges).find((name) => location.hash === "#" + slug(name)) ?? "10 min";
    this.seconds = ranges[named];
    const set = el("fieldset", { class: "ranges" }, el("legend", {}, "Time shown"));
    for (const [name, seconds] of Object.entries(ranges)) {
      const input = el("input", { type: "radio", name: "range", id: "range-" + slug(name) });
      input.checked = name === named;
      input.onchange = () => {
        this.seconds = seconds;
        history.replaceState(null, "", "#" + slug(name));
        changed();
      };
      set.append(input, el("label", { for: input.id }, name));
    }
    parent.append(set);
  }
}
