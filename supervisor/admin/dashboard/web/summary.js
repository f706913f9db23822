// The upper part of the page: what was rendered by the server, kept up to date.

import { byId, el, fill, set, text } from "./dom.js";
import * as view from "./view.js";

const pairs = (parent, list) =>
  fill(parent, list, () => el("div", {}, el("dt"), " ", el("dd")), (e, [name, value, hover]) => {
    text(e.firstElementChild, name);
    text(e.lastElementChild, value);
    set(e.lastElementChild, "title", hover);
  });

export function showSummary(s) {
  text(byId("headline"), view.headline(s));
  set(byId("headline"), "data-phase", s.phase);
  text(byId("why"), s.why ?? "");
  pairs(byId("facts"), view.facts(s));
  if (document.title !== view.title(s)) document.title = view.title(s);

  const v = view.verdict(s);
  text(byId("verdict-name"), v.name);
  set(byId("verdict-name"), "data-kind", v.kind);
  text(byId("verdict-why"), v.why);
  pairs(byId("verdict-numbers"), v.numbers);
  showBar(view.bar(s));
  showRoll(s.roll);
  text(byId("act-scale"), `rota scale ${s.desired || 4}`);
  fill(byId("notices"), view.notices(s), () => el("li", { class: "notice" }), text);
}

function showBar(b) {
  text(byId("bar-name"), b.name);
  text(byId("bar-text"), b.text);
  const rects = document.querySelectorAll(".bar rect");
  const values = document.querySelectorAll("#bar-parts b");
  b.parts.forEach((part, i) => {
    set(rects[i], "x", part.x);
    set(rects[i], "width", part.width);
    text(values[i], part.value);
  });
  set(byId("bar-budget"), "x", b.budget ?? "-9");
  set(byId("bar-budget-text"), "hidden", b.budgetText ? null : "");
  text(byId("bar-budget-text").lastElementChild, b.budgetText ?? "");
}

function showRoll(r) {
  set(byId("roll"), "hidden", r ? null : "");
  if (!r) return;
  const { text: words, command } = view.roll(r);
  text(byId("roll-text"), words);
  text(byId("roll-command"), command);
  set(byId("roll-progress"), "max", r.total);
  set(byId("roll-progress"), "value", r.replaced);
}
