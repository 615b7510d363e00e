// What pages are made of: badges, links, tables, dialogs, buttons that ask the coordinator.
import { h, keepFocus } from "./dom.js";
import { STATES, json } from "./format.js";

export function badge(state, words = STATES) {
  return h(`span.badge.s${state}`, {}, words[state] ?? `state ${state}`);
}

export function link(path, text, title = "") {
  return h("a", { href: `#${path}`, title }, text);
}

export function idLink(kind, id) {
  return h("a.id", { href: `#/${kind}/${id}`, title: id }, id.slice(0, 8));
}

export function copyable(text) {
  const button = h("button.copy.plain", { type: "button", "aria-label": "Copy" }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(button.previousSibling); // no clipboard without https: then it is selected
    }
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  return h("span.copyable", {}, h("code", {}, text), button);
}

export function empty(text) {
  return h("p.empty", {}, text);
}

export function section(title, ...content) {
  return h("section.card", {}, h("h2", {}, title), ...content);
}

export function pre(value) {
  return h("pre", { tabindex: "0" }, typeof value === "string" ? value : json(value));
}

// Names and values, those without a value left out.
export function facts(pairs) {
  const kept = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return h("dl.facts", {}, kept.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// Filters, folded up on a phone while none is set.
export function fold(open, ...content) {
  return h("details.fold", { open: open || innerWidth > 760 }, h("summary", {}, "Filter"), ...content);
}

let fields = 0;

export function field(label, control, hint = "") {
  fields += 1;
  control.id = `field-${fields}`;
  if (hint) control.setAttribute("aria-describedby", `hint-${fields}`);
  return h(
    "div.field", {}, h("label", { for: control.id }, label), control,
    hint ? h("span.hint", { id: `hint-${fields}` }, hint) : null,
  );
}

export function select(options, value = "") {
  return h(
    "select", {},
    options.map(([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text)),
  );
}

// A button; dead if it `changes` something and who looks has no key.
function button(page, text, { type, kind = "", changes = true }) {
  const off = changes && page.session.readonly;
  const title = off ? "Without a key this page only shows" : null;
  return h(`button${kind ? `.${kind}` : ""}`, { type, disabled: off, title }, text);
}

// The button of a form that changes something.
export function submitter(page, text, kind = "") {
  return button(page, text, { type: "submit", kind });
}

// A button that does something, once at a time, and tells how that ended.
export function action(page, text, run, { kind = "", done = "", reads = false } = {}) {
  const element = button(page, text, { type: "button", kind, changes: !reads });
  element.addEventListener("click", () => act(page, element, run, done));
  return element;
}

export async function act(page, button, run, done = "") {
  if (button.getAttribute("aria-disabled")) return; // it is under way; a disabled button would lose the keyboard
  page.app.hush();
  button.setAttribute("aria-disabled", "true");
  try {
    const result = await run();
    if (result !== false && done) page.app.tell(done);
  } catch (error) {
    page.app.failed(error);
    if (error.gone) await page.reread().catch((another) => page.app.failed(another, { quiet: true }));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// Resolves with true when the person says yes. The keyboard is in the dialog, Escape is no.
export function confirmed(text, verb, otherwise = "Keep") {
  return new Promise((resolve) => {
    const yes = h("button.danger", { value: "yes" }, verb);
    const dialog = h(
      "dialog", { "aria-label": text },
      h("form", { method: "dialog" }, h("p", {}, text), h("div.actions", h("button", { value: "no" }, otherwise), yes)),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      // What opened it has the keyboard again, unless it went meanwhile.
      if (document.activeElement === document.body) document.querySelector("#main h1")?.focus({ preventScroll: true });
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A table that changes only the rows that changed. columns: [{ name, cell(row), kind }], kind "number", "short" (one line), "wide", or "wide.long" (and named by nothing on a phone).
export class Table {
  #rows = new Map();

  constructor(columns, { caption, key = (row) => row.id, none = "Nothing here." }) {
    this.columns = columns;
    this.key = key;
    this.body = h("tbody");
    this.none = empty(none);
    this.element = h(
      "div.table", {},
      h(
        "table", {}, h("caption.hidden", {}, caption),
        h("thead", {}, h("tr", {}, columns.map((one) => h(`th${one.kind ? `.${one.kind}` : ""}`, { scope: "col" }, one.name)))),
        this.body,
      ),
      this.none,
    );
    this.none.hidden = true; // until it is known
  }

  update(rows) {
    const before = this.#rows;
    this.#rows = new Map();
    const elements = rows.map((row) => {
      const key = this.key(row), said = JSON.stringify(row), known = before.get(key);
      const element = known?.said === said ? known.element : this.#element(row, known?.element);
      this.#rows.set(key, { said, element });
      return element;
    });
    const same = elements.length === this.body.children.length
      && elements.every((one, index) => one === this.body.children[index]);
    if (!same) keepFocus(this.body, () => this.body.replaceChildren(...elements), false);
    this.none.hidden = rows.length > 0;
    this.element.classList.toggle("nothing", rows.length === 0);
  }

  #element(row, known) {
    const cells = this.columns.map((one) => h(`td${one.kind ? `.${one.kind}` : ""}`, { "data-name": one.name }, one.cell(row)));
    if (!known) return h("tr", {}, cells);
    // Cells that say the same stay, so that the keyboard's place is not lost when a row gets another time.
    keepFocus(known, () => cells.forEach((cell, index) => isSame(cell, known.children[index]) || known.children[index].replaceWith(cell)));
    return known;
  }
}

// A button at work makes no difference: it is to be there still when its question was answered.
function isSame(cell, known) {
  if (cell.isEqualNode(known)) return true;
  const idle = known.cloneNode(true);
  for (const one of idle.querySelectorAll("[aria-disabled]")) one.removeAttribute("aria-disabled");
  return cell.isEqualNode(idle);
}

// The way through a long list, page by page. last(): the id of the last row that is shown. load(): reads and shows a page.
// `pages`: how many there are, if that is known. Where somebody is stays in the browser's history, for who comes back.
export class Pager {
  #after = history.state?.after || [""]; // what each page comes after, the current one last
  #turning = false;

  constructor(page, size, { last, load, pages = 0, top = page.root }) {
    Object.assign(this, { page, size, last, load, pages, top, more: false });
    const button = (text, by) => h("button", { type: "button", onclick: () => this.#turn(by).catch((error) => page.app.failed(error)) }, text);
    this.back = button("Previous", -1);
    this.next = button("Next", 1);
    this.where = h("span", { "aria-live": "polite" });
    this.element = h("div.pager", this.back, this.where, this.next);
    this.element.hidden = true; // until it is known that there is more
  }

  get first() {
    return this.#after.length === 1;
  }

  async #turn(by) {
    if (this.#turning) return;
    const before = this.#after, held = document.activeElement;
    this.#turning = true;
    this.#after = by > 0 ? [...before, this.last()] : before.slice(0, -1);
    try {
      await this.load();
      this.#keep();
    } catch (error) {
      this.#after = before;
      throw error;
    } finally {
      this.#turning = false;
    }
    this.top.scrollIntoView();
    if (held?.disabled) (held === this.next ? this.back : this.next).focus({ preventScroll: true });
  }

  #keep() {
    if (this.page.open) history.replaceState({ ...history.state, after: this.#after }, "");
  }

  // ask(fields): rows, one more than a page has if there are more. From the beginning when the page before has lost its end.
  async read(ask) {
    const count = this.size + 1;
    const rows = await ask({ count, after: this.#after.at(-1) }).catch((error) => {
      if (this.first || error.status !== 400) throw error;
      this.#after = [""];
      this.#keep();
      return ask({ count, after: "" });
    });
    this.more = rows.length > this.size;
    return rows.slice(0, this.size);
  }

  draw() {
    this.element.hidden = this.first && !this.more;
    this.back.disabled = this.first;
    this.next.disabled = !this.more;
    this.where.textContent = `page ${this.#after.length}${this.pages ? ` of ${this.pages}` : ""}`;
  }
}

// Says why a list moves in steps; `page.resting` shows and hides it.
export function hurry(page) {
  const element = h("p.quiet", { role: "status", hidden: true }, "Much happens here: this list is read again every few seconds.");
  page.resting = (yes) => (element.hidden = !yes);
  return element;
}

// Buttons of which one is pressed. items: [[value, text]]. onpick(value).
export function choice(label, items, value, onpick) {
  const buttons = items.map(([key, text]) => h("button", { type: "button", "data-key": key, "aria-pressed": String(key === value) }, text));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      onpick(items.find(([key]) => String(key) === button.dataset.key)[0]);
    });
  }
  return h("div.choice", { role: "group", "aria-label": label }, buttons);
}
