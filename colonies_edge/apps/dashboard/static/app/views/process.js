// One process: its life, what it was asked, what came of it, and its log as it is written.
import { bytesOf } from "../call.js";
import { append, fill, h, refill } from "../dom.js";
import { RUNNING, STATES, WAITING, absolute, duration, ms, now, when } from "../format.js";
import { Log } from "../log.js";
import { Table, action, badge, confirmed, copyable, facts, idLink, link, pre, section } from "../parts.js";

const LOG_S = 2;
const KINDS = ["input", "output", "error", "environment"];

export async function show(page) {
  const id = page.params.id;
  const head = h("div", {}), body = h("div", {}), line = h("div", {});
  const log = new Log(page, "Log", { processid: id });
  const channels = new Channels(page, id);
  let row = await page.call("getprocessmsg", { processid: id });
  let names = await page.app.executorNames(page, row.assignedexecutorid);

  const draw = () => {
    const owner = names.get(row.assignedexecutorid) || "";
    refill(head, page.heading(row.spec.funcname || "Process", badge(row.state), ...actions(page, row)));
    fill(line, bar(row));
    refill(body, life(row, owner, line), outcome(row), h("div.columns", asked(row), conditions(row)), family(row), attributes(row));
    if (row.state > RUNNING) log.ended();
  };
  page.show(head, body, log.element, channels.element);
  draw();
  await log.more();
  channels.follow(row.spec.channels || []);
  page.subscribe("subscribeprocessmsg", { processid: id, executortype: "", states: [0, 1, 2, 3, 4] }, async (value, kind) => {
    if (kind === "error" || JSON.stringify(value) === JSON.stringify(row) || value.processid !== id) return;
    row = value;
    names = await page.app.executorNames(page, row.assignedexecutorid).catch(() => names);
    draw();
    log.more().catch((error) => page.app.failed(error, { quiet: true }));
  });
  page.every(LOG_S, () => {
    if (row.state > RUNNING) return null;
    fill(line, bar(row));
    return row.state === RUNNING ? log.more() : null;
  });
  page.refresh = async () => {
    row = await page.call("getprocessmsg", { processid: id });
    draw();
    await log.more();
  };
}

function actions(page, row) {
  const buttons = [];
  const again = action(page, "Submit again", async () => {
    page.app.draft = (await page.call("getprocessmsg", { processid: row.processid }, { precise: true })).spec;
    page.go("/submit");
  });
  if (!row.processgraphid && row.state <= RUNNING) {
    buttons.push(action(page, "Cancel", async () => {
      if (!(await confirmed(`Cancel this process of ${row.spec.funcname}?`, "Cancel it"))) return false;
      return page.change("cancelprocessmsg", { processid: row.processid });
    }, { kind: "danger" }));
  }
  if (!row.processgraphid && row.state !== RUNNING) {
    buttons.push(action(page, "Remove", async () => {
      if (!(await confirmed("Remove this process with its log for good?", "Remove"))) return false;
      await page.change("removeprocessmsg", { processid: row.processid });
      page.go("/processes");
      return true;
    }, { kind: "danger", done: "The process was removed." }));
  }
  return [again, ...buttons];
}

// How long it waited and ran, to scale.
function bar(row) {
  const [submitted, started, ended] = [ms(row.submissiontime), ms(row.starttime), ms(row.endtime)];
  const running = row.state === RUNNING, waiting = row.state === WAITING;
  const end = running || waiting ? now() : ended;
  const begun = started && !waiting ? started : end;
  const total = Math.max(1, end - submitted);
  const part = (kind, length, text) => {
    const element = h(`span.${kind}`, { title: text }, length / total > 0.14 ? text : "");
    element.style.flexGrow = String(Math.max(length / total, 0.01));
    return element;
  };
  const waited = `waited ${duration(begun - submitted)}`;
  const ran = `${running ? "runs for" : "ran"} ${duration(end - begun)}`;
  return h(
    "div.life", { role: "img", "aria-label": `${waited}, ${ran}` },
    part("waited", begun - submitted, waited), begun < end || running ? part(`ran.s${row.state}`, end - begun, ran) : null,
  );
}

function life(row, owner, line) {
  const [submitted, started, ended] = [ms(row.submissiontime), ms(row.starttime), ms(row.endtime)];
  const running = row.state === RUNNING, waiting = row.state === WAITING;
  const step = (name, at) => h("li", {}, h("b", {}, name), " ", at ? h("time", { datetime: new Date(at).toISOString() }, absolute(at)) : "–");
  return section(
    "Life",
    line,
    h("ol.steps", step("submitted", submitted), waiting ? null : step("started", started), waiting || running ? null : step(STATES[row.state], ended)),
    facts([
      ["Process", copyable(row.processid)],
      ["Executor", owner ? link(`/executor/${encodeURIComponent(owner)}`, owner) : row.assignedexecutorid && h("code", {}, row.assignedexecutorid)],
      ["Initiator", row.initiatorname],
      ["Retries", row.retries ? `${row.retries} of ${row.spec.maxretries < 0 ? "any number" : row.spec.maxretries}` : ""],
      ["Waits for", waiting && row.waitforparents ? "its parents in the workflow" : ""],
      ["Must begin", waiting && ms(row.waitdeadline) ? when(row.waitdeadline) : ""],
      ["Must end", running && ms(row.execdeadline) ? when(row.execdeadline) : ""],
    ]),
  );
}

function outcome(row) {
  return [
    row.errors.length ? section("Errors", h("ul.errors", row.errors.map((one) => h("li", {}, one)))) : null,
    row.out.length ? section("Output", pre(row.out.length === 1 ? row.out[0] : row.out)) : null,
    row.in.length ? section("Input from parents", pre(row.in)) : null,
  ];
}

function asked(row) {
  const { spec } = row, named = Object.keys(spec.kwargs || {}).length;
  return section(
    "Asked for",
    facts([
      ["Function", h("code", {}, spec.funcname)], ["Label", spec.label], ["Node", spec.nodename],
      ["Priority", spec.priority || ""], ["May wait", spec.maxwaittime > 0 ? `${spec.maxwaittime} s` : ""],
      ["May run", spec.maxexectime > 0 ? `${spec.maxexectime} s` : ""],
      ["Retries allowed", spec.maxretries < 0 ? "any number" : spec.maxretries || ""],
    ]),
    spec.args.length ? [h("h3", {}, "Arguments"), pre(spec.args)] : null,
    named ? [h("h3", {}, "Named arguments"), pre(spec.kwargs)] : null,
    spec.args.length || named ? null : h("p.quiet", {}, "Without arguments."),
  );
}

function conditions({ spec: { conditions: c, env, channels } }) {
  const some = (value) => (value && !["0m", "0Mi"].includes(value) ? value : "");
  return section(
    "Where it may run",
    facts([
      ["Executor type", c.executortype], ["Executors", (c.executornames || []).join(", ")], ["Location", c.locationname],
      ["CPU", some(c.cpu)], ["Memory", some(c.mem)], ["Storage", some(c.storage)], ["Nodes", c.nodes || ""],
      ["GPUs", c.gpu?.count ? `${c.gpu.count} ${c.gpu.name}` : ""], ["Channels", (channels || []).join(", ")],
    ]),
    Object.keys(env || {}).length ? [h("h3", {}, "Environment"), facts(Object.entries(env).map(([name, value]) => [name, h("code", {}, value)]))] : null,
  );
}

function family(row) {
  if (!row.processgraphid && !row.parents.length && !row.children.length) return null;
  const ids = (list) => (list.length ? h("span.ids", list.slice(0, 50).map((id) => idLink("process", id)), list.length > 50 ? ` and ${list.length - 50} more` : "") : "");
  return section("Workflow", facts([
    ["Workflow", row.processgraphid && idLink("workflow", row.processgraphid)], ["Parents", ids(row.parents)], ["Children", ids(row.children)],
  ]));
}

function attributes(row) {
  const own = row.attributes.filter((one) => one.attributetype !== 3);
  if (!own.length) return null;
  const table = new Table(
    [{ name: "Key", cell: (one) => one.key }, { name: "Value", cell: (one) => one.value, kind: "wide" }, { name: "Kind", cell: (one) => KINDS[one.attributetype] || one.attributetype }],
    { caption: "Attributes", key: (one) => one.attributeid },
  );
  table.update(own);
  return section("Attributes", table.element);
}

// What is said in the process's channels: for its initiator and its executor, others are told that it is not for them.
class Channels {
  constructor(page, id) {
    Object.assign(this, { page, id, element: h("div", {}) });
  }

  follow(names) {
    for (const name of names) this.#follow(name);
  }

  async #follow(name) {
    const text = h("pre.log", { tabindex: "0", role: "log", "aria-label": `Channel ${name}` });
    this.element.append(section(`Channel ${name}`, text));
    let seen = 0, subscription = null;
    const add = (entries) => {
      seen += entries.length;
      if (subscription) subscription.fields.afterseq = seen;
      for (const one of entries) append(text, [`${new TextDecoder().decode(bytesOf(one.payload || ""))}\n`]);
      text.scrollTop = text.scrollHeight;
    };
    try {
      add(await this.page.call("channelreadmsg", { processid: this.id, name, afterseq: 0, limit: 1000 }));
    } catch (error) {
      text.textContent = error.message;
      return;
    }
    subscription = this.page.subscribeAlone("subscribechannelmsg", { processid: this.id, name, afterseq: seen }, (entries, kind) => kind === "error" || add(entries));
  }
}
