// One executor: what it is, what it offers, what it holds, what it says of itself.
import { fill, h, refill } from "../dom.js";
import { EXECUTOR_STATES, RUNNING, brief, duration, when } from "../format.js";
import { Log } from "../log.js";
import { Table, badge, copyable, empty, facts, idLink, section } from "../parts.js";
import { ownersActions, presence } from "./executors.js";

const REFRESH_S = 5, LOG_COUNT = 200, LONG_S = 10 * 365 * 86400;

export async function show(page) {
  const name = page.params.id, body = h("div", {}), head = h("div", {});
  const held = new Table(
    [
      { name: "Process", cell: (row) => idLink("process", row.processid) },
      { name: "Function", cell: (row) => [h("b", {}, row.spec.funcname), " ", h("span.quiet", {}, brief(row.spec))], kind: "wide" },
      { name: "Started", cell: (row) => when(row.starttime) },
    ],
    { caption: "Held now", key: (row) => row.processid, none: "It holds nothing." },
  );
  const offered = new Table(FUNCTION_COLUMNS, { caption: "Functions", key: (row) => row.functionid, none: "It registered no functions." });
  const log = new Log(page, "Log of the executor", { executorname: name }, LOG_COUNT);
  page.show(head, body, section("Functions", offered.element), section("Holds now", held.element), log.element);
  const heard = h("span", {});
  let said = "";
  page.refresh = async () => {
    const executor = await page.call("getexecutormsg", { colonyname: page.colony, executorname: name });
    const holds = await page.call("getprocesshistmsg", { colonyname: page.colony, executorid: executor.executorid, seconds: LONG_S, state: RUNNING });
    fill(heard, when(executor.lastheardfromtime, "never"));
    const state = executor.state === 1 ? presence(executor, holds.length) : badge(4, { 4: EXECUTOR_STATES[executor.state] });
    const says = JSON.stringify([{ ...executor, lastheardfromtime: "" }, state.textContent]);
    if (says !== said) {
      refill(head, page.heading(name, state, ...ownersActions(page, executor, page.refresh)));
      refill(body, about(executor, heard), h("div.columns", hardware(executor), software(executor)));
    }
    said = says;
    held.update(holds);
    offered.update(await page.call("getfunctionsmsg", { colonyname: page.colony, executorname: name }));
    await log.more();
  };
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}

function about(executor, heard) {
  return section("Executor", facts([
    ["Identity", copyable(executor.executorid)], ["Type", executor.executortype], ["Location", executor.locationname],
    ["State", EXECUTOR_STATES[executor.state]], ["Registered", when(executor.commissiontime)], ["Last heard", heard],
    ["Blueprint", executor.blueprintid && `${executor.blueprintid.slice(0, 8)}, generation ${executor.blueprintgen}`],
  ]));
}

function hardware({ capabilities }) {
  const all = capabilities?.hardware || [];
  return section("Hardware", all.length ? all.map((one) => facts([
    ["Model", one.model], ["Nodes", one.nodes || ""], ["CPU", one.cpu], ["Cores", one.cores || ""], ["Memory", one.mem], ["Storage", one.storage],
    ["GPU", one.gpu?.count ? `${one.gpu.count} × ${one.gpu.name}` : ""], ["Platform", one.platform], ["Architecture", one.architecture], ["Network", (one.network || []).join(", ")],
  ])) : empty("It told nothing."));
}

function software({ capabilities }) {
  const all = capabilities?.software || [];
  return section("Software", all.length ? facts(all.map((one) => [one.name, `${one.type} ${one.version}`])) : empty("It told nothing."));
}

export const FUNCTION_COLUMNS = [
  { name: "Function", cell: (row) => [h("b", {}, row.funcname), row.description ? h("div.quiet", {}, row.description) : null], kind: "wide" },
  { name: "Arguments", cell: (row) => (row.args || []).map((one) => one.name).join(", ") },
  { name: "Calls", cell: (row) => row.counter, kind: "number" },
  { name: "Waits", cell: (row) => (row.counter ? duration(row.avgwaittime * 1000) : "–"), kind: "short" },
  { name: "Runs", cell: (row) => (row.counter ? duration(row.avgexectime * 1000) : "–"), kind: "short" },
];
