// Values as people read them: times, durations, sizes, states, ids.
import { h } from "./dom.js";
import { stringify } from "./json.js";

export const STATES = ["waiting", "running", "successful", "failed", "cancelled"];
export const EXECUTOR_STATES = ["waits for approval", "approved", "rejected", "removed"];
export const WAITING = 0, RUNNING = 1, SUCCESS = 2, FAILED = 3, CANCELLED = 4;
export const ID = /^[0-9a-f]{64}$/;

// Milliseconds, or 0 for "never", which the wire says as the first second of year 1.
export function ms(time) {
  if (!time || time.startsWith("0001-")) return 0;
  return Date.parse(time);
}

// In two units at most, of which none is zero.
export function duration(milliseconds) {
  const exactly = Math.max(0, milliseconds);
  if (exactly < 999.5) return `${short(exactly)} ms`;
  const s = Math.round(exactly / 1000);
  if (s < 60) return `${short(exactly / 1000)} s`;
  if (s < 3600) return pair(s, 60, "min", 1, "s");
  if (s < 86400) return pair(s, 3600, "h", 60, "min");
  return pair(s, 86400, "d", 3600, "h");
}

function short(number) {
  return number < 9.95 ? Number(number.toFixed(1)) : Math.round(number);
}

function pair(s, large, name, small, other) {
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)} ${name}${rest ? ` ${rest} ${other}` : ""}`;
}

function roughly(milliseconds) {
  const s = Math.round(milliseconds / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

let offset = 0;

// What is to be added to this computer's clock to have the coordinator's.
export function setClock(milliseconds) {
  offset = milliseconds;
}

export function now() {
  return Date.now() + offset;
}

export function relative(at) {
  const away = now() - at;
  if (Math.abs(away) < 1000) return "now";
  return away > 0 ? `${roughly(away)} ago` : `in ${roughly(-away)}`;
}

export function absolute(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `
    + `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// A moment as "3 min ago" that stays right, with the exact time on hovering.
export function when(time, never = "–") {
  const at = typeof time === "number" ? time : ms(time);
  if (!at) return h("span.quiet", {}, never);
  const iso = new Date(at).toISOString();
  return h("time", { datetime: iso, "data-at": at, title: absolute(at) }, relative(at));
}

export function refreshTimes() {
  for (const element of document.querySelectorAll("time[data-at]")) {
    const text = relative(Number(element.dataset.at));
    if (element.textContent !== text) element.textContent = text;
  }
}

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${unit && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, " ");
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function json(value) {
  return stringify(value, 2);
}

// Arguments in one line, short enough for a table.
export function brief(spec) {
  const parts = (spec.args || []).map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  for (const [key, value] of Object.entries(spec.kwargs || {})) {
    parts.push(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  const text = parts.join(" ");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
