// Elements from values. Text becomes text nodes and nothing else: no data is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

// h("p.quiet", { title: "…", onclick: f }, "text", [children], null)
export function h(spec, properties, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.classList.add(...classes);
  if (isProperties(properties)) set(element, properties);
  else children.unshift(properties);
  append(element, children);
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  append(element, children);
  return element;
}

function isProperties(value) {
  return value !== null && typeof value === "object" && !(value instanceof Node) && !Array.isArray(value);
}

export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const COLOURS = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g; // and all else that terminals are told
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // could make a text look like another one
const CONTROLS = /[\u0000-\u0008\u000b-\u001f]/g;

// A text as it can be read: what programs write for terminals left out, what is invisible marked.
export function visible(text) {
  if (!UNSEEN.test(text)) return text;
  return text.replace(COLOURS, "").replace(/\r\n?/g, "\n")
    .replace(TURNS, (one) => `[U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`)
    .replace(CONTROLS, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)))
    .replace(/[\u007f-\u009f]/g, "\u2421");
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(String(child))));
  }
}

// Change what is in an element. What had the keyboard keeps it, or what says the same there gets it, or the page's heading.
export function keepFocus(element, change, alike = true) {
  const held = element.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (!held || document.activeElement === held) return;
  const same = (one) => one.tagName === held.tagName && one.textContent === held.textContent;
  const next = held.isConnected ? held : alike && [...element.querySelectorAll(held.tagName)].find(same);
  (next || document.querySelector("#main h1"))?.focus({ preventScroll: true });
}

export function refill(element, ...children) {
  keepFocus(element, () => fill(element, ...children));
}

export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}
