// A workflow as a drawing that can be moved and zoomed, whose nodes change colour as their processes do.
import { h, svg, visible } from "./dom.js";
import { STATES } from "./format.js";
import { HIGH, WIDE, layered } from "./layout.js";

const MARGIN = 24, ZOOM = 1.25, PAN = 60;
const ASIDE = 240; // of a wide window, beside the drawing
const LABEL_MAX = 17;

// How much wider than high a drawing will be, as the stylesheet has it.
function frame() {
  const wide = Math.min(innerWidth - (innerWidth > 2 * ASIDE ? ASIDE : 0), 1190);
  return wide / Math.min(innerHeight * 0.62, 620);
}

export class Graph {
  #nodes = new Map();
  #fingers = new Map();

  // nodes: [{ id, label, state }], edges: [[from, to]].
  constructor(nodes, edges) {
    const plan = layered(nodes.map((one) => one.id), edges, frame());
    this.whole = { x: -MARGIN, y: -MARGIN, w: plan.width + 2 * MARGIN, h: plan.height + 2 * MARGIN };
    this.picture = svg(
      "svg", { class: "graph", tabindex: "0", role: "group", "aria-label": "Workflow; arrows move, plus and minus zoom, 0 shows all of it" },
      svg("g", { class: "edges", "aria-hidden": "true" }, edges.map((edge) => this.#edge(plan, edge))),
      svg("g", {}, nodes.map((node) => this.#node(plan, node))),
    );
    const button = (text, label, run) => {
      const element = h("button", { type: "button", "aria-label": label, title: label }, text);
      element.addEventListener("click", run);
      return element;
    };
    this.element = h(
      "div.graphbox", {}, this.picture,
      h(
        "div.zoom", {}, button("+", "Zoom in", () => this.#zoom(1 / ZOOM)), button("−", "Zoom out", () => this.#zoom(ZOOM)),
        button("⤢", "Show all of it", () => this.fit()),
      ),
    );
    this.#listen();
    this.fit();
  }

  #edge({ at }, [from, to]) {
    const a = at.get(from), b = at.get(to);
    if (!a || !b) return null;
    const x1 = a.x + WIDE / 2, y1 = a.y + HIGH, x2 = b.x + WIDE / 2, y2 = b.y, bend = Math.max(16, (y2 - y1) / 2);
    return svg("path", { d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` });
  }

  #node({ at }, { id, label: given, state }) {
    const { x, y } = at.get(id), label = visible(given);
    const text = label.length > LABEL_MAX ? `${label.slice(0, LABEL_MAX - 1)}…` : label;
    const title = svg("title", {});
    const node = svg(
      "a", { class: "node", href: `#/process/${id}`, transform: `translate(${x} ${y})` }, title,
      svg("rect", { width: WIDE, height: HIGH, rx: 5 }),
      svg("text", { x: WIDE / 2, y: HIGH / 2 + 4, "text-anchor": "middle" }, text),
    );
    this.#nodes.set(id, { node, title, label });
    this.state(id, state);
    return node;
  }

  // The process of this node entered a state.
  state(id, state) {
    const known = this.#nodes.get(id);
    if (!known) return;
    known.node.setAttribute("class", `node s${state}`);
    known.node.setAttribute("aria-label", `${known.label}, ${STATES[state]}`);
    known.title.textContent = `${known.label}: ${STATES[state]}`;
  }

  fit() {
    this.view = { ...this.whole };
    this.#look();
  }

  #look() {
    const { x, y, w, h: height } = this.view;
    this.picture.setAttribute("viewBox", `${x} ${y} ${w} ${height}`);
  }

  // Around a point of the picture, given as parts of its width and height.
  #zoom(factor, px = 0.5, py = 0.5) {
    const { x, y, w, h: height } = this.view;
    const width = Math.min(Math.max(w * factor, WIDE), this.whole.w * 2), ratio = width / w;
    this.view = { x: x + w * px * (1 - ratio), y: y + height * py * (1 - ratio), w: width, h: height * ratio };
    this.#look();
  }

  #move(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.#look();
  }

  #unit() {
    const box = this.picture.getBoundingClientRect();
    return Math.max(this.view.w / box.width, this.view.h / box.height);
  }

  #listen() {
    const picture = this.picture;
    picture.addEventListener("wheel", (event) => {
      // Who scrolls past it wants the page to move, who went into it or pinches (which is a wheel with Ctrl) means the drawing.
      if (!event.ctrlKey && !this.element.contains(document.activeElement)) return;
      event.preventDefault();
      const box = picture.getBoundingClientRect();
      this.#zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }, { passive: false });
    // The stylesheet leaves one finger up and down to the page; two are ours.
    for (const kind of ["touchstart", "touchmove"]) {
      picture.addEventListener(kind, (event) => event.touches.length > 1 && event.cancelable && event.preventDefault(), { passive: false });
    }
    picture.addEventListener("pointerdown", (event) => {
      this.#fingers.set(event.pointerId, event);
      this.moved = 0;
    });
    picture.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      picture.addEventListener(end, (event) => this.#fingers.delete(event.pointerId));
    }
    picture.addEventListener("click", (event) => {
      if (this.moved > 5) event.preventDefault(); // it was moved, not chosen
    }, true);
    picture.addEventListener("keydown", (event) => this.#key(event));
  }

  #drag(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return;
    const others = [...this.#fingers.values()].filter((one) => one.pointerId !== event.pointerId);
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    this.moved += Math.abs(dx) + Math.abs(dy);
    const unit = this.#unit() / (others.length + 1); // where two move together, each of them tells half of it
    const page = event.pointerType === "touch" && !others.length; // it is what moves up and down then
    this.#move(-dx * unit, page ? 0 : -dy * unit);
    if (others.length) {
      const far = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      this.#zoom(far(before) / Math.max(1, far(event)));
    }
    this.#fingers.set(event.pointerId, event);
  }

  #key(event) {
    const step = PAN * this.#unit();
    const does = {
      "+": () => this.#zoom(1 / ZOOM), "=": () => this.#zoom(1 / ZOOM), "-": () => this.#zoom(ZOOM), 0: () => this.fit(),
      ArrowLeft: () => this.#move(-step, 0), ArrowRight: () => this.#move(step, 0),
      ArrowUp: () => this.#move(0, -step), ArrowDown: () => this.#move(0, step),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  }
}
