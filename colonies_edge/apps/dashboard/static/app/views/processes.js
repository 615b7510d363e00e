// Processes in one state, filtered, page by page; the first page follows what happens.
import { h } from "../dom.js";
import { FAILED, RUNNING, STATES, WAITING, brief, duration, ms, now, when } from "../format.js";
import { address } from "../page.js";
import { Pager, Table, choice, field, fold, hurry, idLink } from "../parts.js";

const PAGE = 50, REFILL_MS = 2000, DRAW_MS = 250;
const AGAIN_S = 30; // nobody tells that a process was removed

const COLUMNS = {
  process: { name: "Process", cell: (row) => idLink("process", row.processid) },
  func: { name: "Function", cell: (row) => [h("b", {}, row.spec.funcname), " ", h("span.quiet", {}, brief(row.spec))], kind: "wide" },
  type: { name: "Type", cell: (row) => row.spec.conditions.executortype },
  label: { name: "Label", cell: (row) => row.spec.label },
  initiator: { name: "Initiator", cell: (row) => row.initiatorname },
  submitted: { name: "Submitted", cell: (row) => when(row.submissiontime) },
  started: { name: "Started", cell: (row) => when(row.starttime) },
  ended: { name: "Ended", cell: (row) => when(row.endtime) },
  took: { name: "Took", cell: (row) => (ms(row.starttime) ? duration(ms(row.endtime) - ms(row.starttime)) : "–"), kind: "short" },
  error: { name: "Error", cell: (row) => h("span.bad", {}, (row.errors[0] || "").slice(0, 80)) },
  waits: { name: "For", cell: (row) => (row.waitforparents ? h("span.quiet", {}, "parents") : "an executor") },
};

function columnsOf(state, names) {
  const executor = { name: "Executor", cell: (row) => names.get(row.assignedexecutorid) || row.assignedexecutorid.slice(0, 8) };
  const { process, func, type, label, initiator, submitted, started, ended, took, error, waits } = COLUMNS;
  if (state === WAITING) return [process, func, type, label, initiator, submitted, waits];
  if (state === RUNNING) return [process, func, type, executor, label, initiator, started];
  if (state === FAILED) return [process, func, type, executor, initiator, error, ended];
  return [process, func, type, executor, label, initiator, took, ended];
}

// The order in which the coordinator lists them.
const ORDER = {
  [WAITING]: (a, b) => compare(a.prioritytime, b.prioritytime) || compare(a.processid, b.processid),
  [RUNNING]: (a, b) => compare(a.starttime, b.starttime),
};
const LATEST = (a, b) => compare(ms(b.endtime), ms(a.endtime)) || compare(b.processid, a.processid);

function compare(a, b) {
  const [left, right] = [String(a), String(b)];
  return typeof a === "number" ? a - b : left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

export async function show(page) {
  const given = page.params;
  const filter = { executortype: given.type || "", label: given.label || "", initiator: given.initiator || "" };
  const state = STATES[given.state] === undefined ? RUNNING : Number(given.state);
  const [names, types] = await known(page);
  const table = new Table(columnsOf(state, names), {
    caption: `Processes that are ${STATES[state]}`, key: (row) => row.processid, none: `No ${STATES[state]} process fits.`,
  });
  const list = new List(page, table, state, filter);
  page.show(
    page.heading("Processes"),
    choice("State", STATES.map((text, index) => [index, text]), state, (picked) => open(page, picked, filter)),
    filters(page, state, filter, types),
    hurry(page),
    table.element,
    list.pager.element,
  );
  const states = state > RUNNING ? [state] : [0, 1, 2, 3, 4]; // what has ended stays so
  page.subscribe("subscribeprocessesmsg", { executortype: filter.executortype, states }, (row, kind) => kind === "error" || list.heard(row));
  page.refresh = () => list.load();
  await page.watching();
  await list.load();
  page.every(AGAIN_S, page.refresh);
}

function open(page, state, filter) {
  page.go(address("/processes", { state, type: filter.executortype, label: filter.label, initiator: filter.initiator }));
}

async function known(page) {
  const executors = await page.call("getexecutorsmsg", { colonyname: page.colony });
  const types = [...new Set(executors.map((one) => one.executortype))].sort();
  return [new Map(executors.map((one) => [one.executorid, one.executorname])), types];
}

function filters(page, state, filter, types) {
  // Those that have an executor are proposed; work for any other waits, too.
  const known = h("datalist", { id: "types" }, types.map((one) => h("option", { value: one })));
  const type = h("input", { type: "search", value: filter.executortype, placeholder: "all types", list: known.id, autocomplete: "off" });
  const label = h("input", { type: "search", value: filter.label, placeholder: "any" });
  const initiator = h("input", { type: "search", value: filter.initiator, placeholder: "anybody" });
  const go = (event) => {
    event?.preventDefault();
    open(page, state, { executortype: type.value.trim(), label: label.value.trim(), initiator: initiator.value.trim() });
  };
  type.addEventListener("change", go);
  return fold(Object.values(filter).some(Boolean), h(
    "form.filters", { onsubmit: go }, field("Executor type", type), field("Label", label), field("Initiator", initiator),
    h("button", { type: "submit" }, "Filter"), known,
  ));
}

class List {
  #rows = [];
  #drawn = 0;
  #refill = 0;
  #loading = false;

  constructor(page, table, state, filter) {
    Object.assign(this, { page, table, state, filter, order: ORDER[state] || LATEST });
    this.pager = new Pager(page, PAGE, { last: () => this.#rows.at(-1).processid, load: () => this.load() });
  }

  async load() {
    this.#loading = true;
    const ask = (fields) => this.page.call("getprocessesmsg", { colonyname: this.page.colony, state: this.state, ...fields, ...this.filter });
    this.#rows = await this.pager.read(ask).finally(() => (this.#loading = false));
    this.draw();
  }

  draw() {
    this.#drawn = 0;
    this.table.update(this.#rows);
    this.pager.draw();
  }

  // A process entered a state: it comes, goes, or is none of ours.
  heard(row) {
    if (this.#loading) this.#refill ||= setTimeout(() => this.#fill(), REFILL_MS); // was the answer made before, or after?
    const at = this.#rows.findIndex((one) => one.processid === row.processid);
    if (at >= 0) this.#rows.splice(at, 1);
    if (row.state === this.state && this.#fits(row)) this.#place(row);
    else if (at < 0) return;
    else if (this.pager.more) this.#refill ||= setTimeout(() => this.#fill(), REFILL_MS);
    this.#drawn ||= setTimeout(() => this.draw(), DRAW_MS);
  }

  #place(row) {
    if (!this.pager.first) return;
    this.#rows.push(row);
    this.#rows.sort(this.order);
    if (this.#rows.length > PAGE) {
      this.#rows.length = PAGE;
      this.pager.more = true;
    }
  }

  #fits({ spec, initiatorname }) {
    const { executortype, label, initiator } = this.filter;
    return (!executortype || spec.conditions.executortype === executortype)
      && (!label || spec.label === label) && (!initiator || initiatorname === initiator);
  }

  #fill() {
    this.#refill = 0;
    if (this.page.open) this.load().catch((error) => this.page.app.failed(error, { quiet: true }));
  }
}
