// What people type as arguments: a field for each parameter of a function, and from the fields the call.
import { h } from "./dom.js";
import { exact } from "./json.js";
import { field, select } from "./parts.js";

const PLACEHOLDERS = { list: '["JSON", 1]', object: '{"JSON": 1}', any: "text or JSON" };

// { name, element, value() } of a parameter as executors register it; the value of an empty field is undefined.
export function argument({ name, type = "any", description = "", required = false, enum: allowed = [] }) {
  const kind = allowed.length ? "enum" : name.startsWith("**") ? "object" : name.startsWith("*") ? "list" : type;
  const control = controlOf(kind, allowed, required);
  const hint = [type, required ? "required" : "", description].filter(Boolean).join(", ");
  if (required && kind !== "bool") control.required = true;
  return { name, element: field(name, control, hint), value: () => valueOf(kind, control, name, type) };
}

// The call, by Python's rules: what stands before `*rest` is given by place as soon as `*rest` has something, and all of
// it, or a value would slip into the place of another; what follows `*rest` is always named.
export function argumentsOf(parameters) {
  const given = parameters.map(({ name, value }) => ({ name, value: value() }));
  const at = given.findIndex(({ name }) => /^\*[^*]/.test(name));
  const rest = [given[at]?.value ?? []].flat();
  const placed = rest.length ? given.slice(0, at) : [];
  const empty = placed.find(({ value }) => value === undefined);
  if (empty) throw new Error(`Give ${empty.name} too, or leave ${given[at].name} empty.`);
  const kwargs = {};
  for (const { name, value } of given.slice(placed.length)) {
    if (value === undefined || /^\*[^*]/.test(name)) continue;
    if (name.startsWith("**")) Object.assign(kwargs, value);
    else kwargs[name] = value;
  }
  return { args: [...placed.map(({ value }) => value), ...rest], kwargs };
}

function controlOf(kind, allowed, required) {
  if (kind === "enum") return select([...(required ? [] : [["", ""]]), ...allowed.map((one) => [one, one])]);
  if (kind === "bool") return select([["", required ? "no" : "as usual"], ["true", "yes"], ...(required ? [] : [["false", "no"]])]);
  if (kind === "int") return h("input", { type: "number", step: 1 });
  if (["float", "number"].includes(kind)) return h("input", { type: "number", step: "any" });
  if (kind in PLACEHOLDERS) return h("textarea", { rows: 2, spellcheck: "false", placeholder: PLACEHOLDERS[kind] });
  return h("input", { spellcheck: "false" });
}

function valueOf(kind, control, name, type) {
  const text = control.value;
  if (kind === "bool") return text === "" ? (control.options[0].textContent === "no" ? false : undefined) : text === "true";
  if (text === "") return undefined;
  if (["int", "float", "number"].includes(kind) || (kind === "enum" && type === "int")) return numberOf(text);
  if (kind === "any") return looseJson(text);
  return kind === "object" ? object(text, name) : kind === "list" ? strictJson(text, name) : text;
}

function numberOf(text) {
  const value = looseJson(text);
  return typeof value === "string" ? Number(value) : value; // 007 and .5 are numbers, but not in JSON
}

function looseJson(text) {
  try {
    return exact(text);
  } catch {
    return text;
  }
}

export function strictJson(text, name, fallback) {
  if (!text.trim() && fallback !== undefined) return fallback;
  try {
    return exact(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
}

export function isObject(value) {
  return value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

export function object(text, name) {
  const value = strictJson(text, name, {});
  if (!isObject(value)) throw new Error(`${name}: a JSON object is needed, like {"a": 1}.`);
  return value;
}

export function list(text, name) {
  const value = strictJson(text, name, []);
  if (!Array.isArray(value)) throw new Error(`${name}: a JSON list is needed, like ["a", 1].`);
  return value;
}
