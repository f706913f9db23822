// The page's elements. Whatever comes from the pool becomes text, never HTML.

export const byId = (id) => document.getElementById(id);

// el makes an element; children are elements, or text.
export function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(e, name, value);
  e.append(...children);
  return e;
}

// text changes what an element says, if it says something else. A live region
// is read out again for each change.
export function text(e, value) {
  value = String(value);
  if (e.textContent !== value) e.textContent = value;
}

// set changes an attribute, or takes it away if the value is null or false.
export function set(e, name, value) {
  if (value == null || value === false) {
    if (e.hasAttribute(name)) e.removeAttribute(name);
  } else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value);
}

// fill gives a parent one child for each item. Children are kept from one time
// to the next, and made or removed only where their number changes.
export function fill(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, i) => {
    if (i >= parent.children.length) parent.append(make());
    update(parent.children[i], item, i);
  });
}
