// Jobs per minute as a line: what ended, and what of that failed.
import { fill, h, svg } from "./dom.js";
import { absolute, now, plural } from "./format.js";

const HEIGHT = 150, LEFT = 34, RIGHT = 4, BOTTOM = 18, TOP = 8;

function scale(most) {
  const step = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  for (const factor of [1, 2, 5, 10]) if (factor * step >= most) return Math.max(4, factor * step);
  return most;
}

// A line through the values; with `sparse` only where there is something, so that zeros do not hide another line.
function path(values, x, y, sparse = false) {
  let text = "", drawn = false;
  values.forEach((value, index) => {
    const shown = !sparse || value || values[index - 1] || values[index + 1];
    if (shown) text += `${drawn ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    drawn = shown;
  });
  return text;
}

export class Chart {
  constructor() {
    this.width = 720;
    this.picture = svg("svg", { class: "chart", role: "img" });
    this.readout = h("p.readout", {}, " ");
    this.element = h("div.chartbox", {}, this.picture, this.readout);
    this.picture.addEventListener("pointermove", (event) => this.#point(event));
    this.picture.addEventListener("pointerleave", () => this.#say(-1));
    new ResizeObserver(([one]) => this.#resized(one.contentRect.width)).observe(this.picture);
  }

  #resized(width) {
    if (!width || width === this.width) return;
    this.width = width;
    if (this.ended) this.update(this.ended, this.failed);
  }

  update(ended, failed) {
    this.ended = ended;
    this.failed = failed;
    const { width } = this;
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const top = scale(Math.max(...ended, 1)), last = ended.length - 1;
    const x = (index) => LEFT + ((width - LEFT - RIGHT) * index) / Math.max(1, last);
    const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / top;
    const line = path(ended, x, y);
    this.x = x;
    this.picture.setAttribute("aria-label", this.#summary());
    this.cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
    fill(
      this.picture,
      [0, top / 2, top].map((value) => [
        svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value),
      ]),
      [0, 0.5, 1].map((part) => {
        const text = part === 1 ? "now" : `−${Math.round(last * (1 - part))} min`;
        const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
        return svg("text", { class: "tick", x: x(last * part), y: HEIGHT - 4, "text-anchor": anchor }, text);
      }),
      svg("path", { class: "area", d: `${line}L${x(last)} ${y(0)}L${x(0)} ${y(0)}Z` }),
      svg("path", { class: "line", d: line }),
      svg("path", { class: "line bad", d: path(failed, x, y, true) }),
      this.cursor,
    );
    this.#say(-1);
  }

  #summary() {
    const sum = (values) => values.reduce((a, b) => a + b, 0);
    return `${plural(sum(this.ended), "process", "processes")} ended in the last ${this.ended.length} minutes, `
      + `${sum(this.failed)} of them failed; at most ${Math.max(...this.ended, 0)} in one minute.`;
  }

  #point(event) {
    if (!this.ended) return;
    const box = this.picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.width;
    const index = Math.round(((at - LEFT) / (this.width - LEFT - RIGHT)) * (this.ended.length - 1));
    this.#say(Math.max(0, Math.min(this.ended.length - 1, index)));
  }

  #say(index) {
    this.cursor?.setAttribute("visibility", index < 0 ? "hidden" : "visible");
    if (index < 0) {
      this.readout.textContent = this.#summary();
      return;
    }
    this.cursor.setAttribute("x1", this.x(index));
    this.cursor.setAttribute("x2", this.x(index));
    const at = now() - (this.ended.length - 1 - index) * 60000;
    this.readout.textContent = `${absolute(at).slice(11, 16)}: ${this.ended[index]} ended, ${this.failed[index]} failed`;
  }
}
