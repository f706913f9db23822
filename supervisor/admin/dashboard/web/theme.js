// The colours of the charts are those of the page: custom properties of its style
// sheet, which differ between light and dark.

const names = ["ink", "ink-2", "ink-3", "line", "grid", "surface", "private", "private-fill", "private-over", "shared", "shared-under", "limit", "mark", "bad", "good", "warn", "second", "plain", "plain-fill"];
const dark = matchMedia("(prefers-color-scheme: dark)");

export const colors = {};

function read() {
  const style = getComputedStyle(document.documentElement);
  for (const name of names) colors[name] = style.getPropertyValue("--" + name).trim();
}

read();

// onTheme calls back when it has changed.
export function onTheme(changed) {
  dark.addEventListener("change", () => {
    read();
    changed();
  });
}

export const font = (size, weight = 400) => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`;
