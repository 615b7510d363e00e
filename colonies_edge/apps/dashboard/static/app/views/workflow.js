// One workflow, drawn; its nodes change colour as their processes do.
import { Graph } from "../graph.js";
import { fill, h, refill } from "../dom.js";
import { RUNNING, STATES, count, plural, when } from "../format.js";
import { Pager, Table, action, badge, confirmed, copyable, facts, idLink, section } from "../parts.js";

const DRAWN_MAX = 2000; // more nodes than a screen has room for, and than a browser moves smoothly
const PAGE = 50, AT_ONCE = 100, DRAW_MS = 200;
const COLOURS = ["#eee8d8", "#4689cd", "#92d050", "#cb4239", "#f5a623"]; // of the drawing in the reply: they say the state

export async function show(page) {
  const id = page.params.id;
  const states = new Map();
  const news = new Map(); // states that were told while an answer was on its way: what that says may be older
  let graph = null, plan = null, drawing = null, nodes = null, newest = {}, waiting = 0, said = "";

  page.subscribe("subscribeprocessgraphmsg", { processgraphid: id, states: [0, 1, 2, 3, 4] }, (value, kind) => {
    if (kind === "error") return;
    newest = { state: value.state, starttime: value.starttime, endtime: value.endtime };
    if (!graph) return;
    graph = { ...graph, ...newest };
    draw();
  });
  page.subscribe("subscribeprocessesmsg", { executortype: "", processgraphid: id, states: [0, 1, 2, 3, 4] }, (row, kind) => {
    if (kind === "error" || row.processgraphid !== id) return;
    news.set(row.processid, row.state);
    if (!graph) return;
    states.set(row.processid, row.state);
    drawing?.state(row.processid, row.state);
    nodes.heard(row);
    waiting ||= setTimeout(draw, DRAW_MS);
  });

  const read = async () => {
    news.clear();
    newest = {};
    const whole = await page.call("getprocessgraphmsg", { processgraphid: id });
    plan = whole.nodes.length ? fromDrawing(whole) : await fromProcesses(page, whole);
    graph = { ...whole, ...newest };
    for (const node of plan.nodes) {
      node.state = news.get(node.id) ?? node.state;
      states.set(node.id, node.state);
      drawing?.state(node.id, node.state);
    }
  };
  await page.watching();
  await read();
  const head = h("div", {}), tallies = h("p.tallies", {});
  drawing = plan.nodes.length && plan.nodes.length <= DRAWN_MAX ? new Graph(plan.nodes, plan.edges) : null;
  nodes = new Nodes(page, id, graph.processids.length);
  page.show(head, drawing?.element ?? h("p.empty", {}, `${plural(graph.processids.length, "process", "processes")}: too many to be drawn here. They are listed below.`), nodes.element);

  function draw() {
    waiting = 0;
    const says = JSON.stringify([graph.state, graph.starttime, graph.endtime]);
    if (says !== said) title();
    said = says;
    const counts = STATES.map((_, state) => [...states.values()].filter((one) => one === state).length);
    fill(tallies, states.size ? counts.map((number, state) => (number ? [badge(state), count(number)] : null)) : null);
  }

  function title() {
    refill(
      head,
      page.heading("Workflow", badge(graph.state), ...actions(page, graph)),
      facts([
        ["Workflow", copyable(graph.processgraphid)], ["Initiator", graph.initiatorname], ["Submitted", when(graph.submissiontime)],
        ["Started", when(graph.starttime)], ["Ended", graph.state > RUNNING ? when(graph.endtime) : ""],
      ]),
      tallies,
    );
  }

  page.refresh = async () => {
    await read();
    draw();
    await nodes.load();
  };
  draw();
  await nodes.load();
}

// What is to be drawn, from the reply: it says the states by colours.
function fromDrawing({ nodes, edges }) {
  return {
    nodes: nodes.map(({ id, data, style }) => ({ id, label: data?.label || id.slice(0, 8), state: Math.max(0, COLOURS.indexOf(style?.background)) })),
    edges: edges.map((edge) => [edge.source, edge.target]),
  };
}

// The same for a workflow whose drawing did not fit into the reply.
async function fromProcesses(page, { processgraphid, processids }) {
  const rows = [];
  while (processids.length <= DRAWN_MAX && rows.length < processids.length) {
    const more = await page.call("getprocessesmsg", { colonyname: page.colony, processgraphid, state: -1, count: AT_ONCE, after: rows.at(-1)?.processid || "" });
    if (!more.length) break;
    rows.push(...more);
  }
  return {
    nodes: rows.map(({ processid, spec, state }) => ({ id: processid, label: spec.nodename || processid.slice(0, 8), state })),
    edges: rows.flatMap(({ processid, parents }) => parents.map((parent) => [parent, processid])),
  };
}

function actions(page, graph) {
  const ask = (text, verb, msgtype, done, leave) => action(page, verb, async () => {
    if (!(await confirmed(text, verb))) return false;
    await page.change(msgtype, { processgraphid: graph.processgraphid });
    if (leave) page.go("/workflows");
    return true;
  }, { kind: "danger", done });
  if (graph.state <= RUNNING) return [ask("Cancel this workflow with everything that waits or runs in it?", "Cancel it", "cancelprocessgraphmsg", "", false)];
  return [ask("Remove this workflow with its processes for good?", "Remove", "removeprocessgraphmsg", "The workflow was removed.", true)];
}

// The same as a list, for those who do not look at drawings, and for what is too large to be one.
class Nodes {
  #rows = [];
  #news = new Map(); // as above

  constructor(page, id, total) {
    Object.assign(this, { page, id });
    this.table = new Table(
      [
        { name: "Node", cell: (row) => row.spec.nodename },
        { name: "State", cell: (row) => [badge(row.state), row.waitforparents && !row.state ? h("span.quiet", {}, " for parents") : null] },
        { name: "Function", cell: (row) => row.spec.funcname, kind: "wide" },
        { name: "Type", cell: (row) => row.spec.conditions.executortype },
        { name: "Process", cell: (row) => idLink("process", row.processid) },
      ],
      { caption: "Processes of the workflow", key: (row) => row.processid },
    );
    this.element = section("Processes", this.table.element);
    const last = () => this.#rows.at(-1).processid;
    this.pager = new Pager(page, PAGE, { last, load: () => this.load(), pages: Math.ceil(total / PAGE), top: this.element });
    this.element.append(this.pager.element);
  }

  async load() {
    this.#news.clear();
    const rows = await this.pager.read((fields) => this.page.call("getprocessesmsg", {
      colonyname: this.page.colony, processgraphid: this.id, state: -1, ...fields,
    }));
    this.#rows = rows.map((row) => this.#news.get(row.processid) ?? row);
    this.table.update(this.#rows);
    this.pager.draw();
  }

  heard(row) {
    this.#news.set(row.processid, row);
    const at = this.#rows.findIndex((one) => one.processid === row.processid);
    if (at < 0) return;
    this.#rows[at] = row;
    this.drawn ||= setTimeout(() => {
      this.drawn = 0;
      this.table.update(this.#rows);
    }, 200);
  }
}
