// The colony at a glance.
import { Chart } from "../chart.js";
import { h, refill } from "../dom.js";
import { FAILED, RUNNING, STATES, brief, count, plural, when } from "../format.js";
import { Table, action, badge, confirmed, idLink, link, section } from "../parts.js";
import { isOnline } from "./executors.js";

const STATS_S = 3, PEOPLE_S = 20, MINUTES = 60, ROWS = 6;
const PROCESS_FIELDS = ["waitingprocesses", "runningprocesses", "successfulprocesses", "failedprocesses", "cancelledprocesses"];
const WORKFLOW_FIELDS = PROCESS_FIELDS.map((name) => name.replace("processes", "workflows"));

function tile(text, path, state) {
  const number = h("strong", {}, "–");
  return { number, element: h(`a.tile${state === undefined ? "" : `.s${state}`}`, { href: `#${path}` }, number, h("span", {}, text)) };
}

function processTable(caption, none, last) {
  return new Table(
    [
      { name: "Process", cell: (row) => idLink("process", row.processid) },
      { name: "Function", cell: (row) => [h("b", {}, row.spec.funcname), " ", h("span.quiet", {}, brief(row.spec))], kind: "wide" },
      { name: "Type", cell: (row) => row.spec.conditions.executortype },
      last,
    ],
    { caption, none, key: (row) => row.processid },
  );
}

export async function show(page) {
  const online = tile("executors online", "/executors");
  const tiles = STATES.map((text, state) => tile(text, `/processes?state=${state}`, state));
  const flows = STATES.map((text, state) => h("a", { href: `#/workflows?state=${state}` }, `– ${text}`));
  const chart = new Chart();
  const state = h("div", {});
  const running = processTable("Running now", "Nothing runs.", { name: "Started", cell: (row) => when(row.starttime) });
  const failed = processTable("Failed last", "Nothing has failed.", { name: "When", cell: (row) => when(row.endtime) });
  page.show(
    page.heading("Overview", null, page.session.readonly ? null : h("a.button", { href: "#/submit" }, "Submit work")),
    state,
    h("div.tiles", online.element, ...tiles.map((one) => one.element)),
    h("p.flows", {}, "Workflows: ", flows.flatMap((one, index) => [index ? " · " : "", one])),
    section("Processes that ended, per minute", chart.element),
    h("div.columns", section("Running now", running.element), section("Failed last", failed.element)),
  );

  let seen = "";
  const list = async (wanted, table) => table.update(
    await page.call("getprocessesmsg", { colonyname: page.colony, state: wanted, count: ROWS }),
  );

  async function statistics() {
    const stats = await page.call("getcolonystatsmsg", { colonyname: page.colony, minutes: MINUTES });
    tiles.forEach((one, index) => (one.number.textContent = count(stats[PROCESS_FIELDS[index]])));
    flows.forEach((one, index) => (one.textContent = `${count(stats[WORKFLOW_FIELDS[index]])} ${STATES[index]}`));
    chart.update(stats.endedperminute || [], stats.failedperminute || []);
    const said = PROCESS_FIELDS.map((name) => stats[name]).join();
    if (said === seen) return;
    const [before, after] = [seen.split(","), said.split(",")];
    seen = said;
    if (before[FAILED] !== after[FAILED]) await list(FAILED, failed);
    await list(RUNNING, running);
  }

  async function people() {
    const executors = await page.call("getexecutorsmsg", { colonyname: page.colony });
    const counted = executors.filter((one) => one.state === 1);
    online.number.textContent = `${counted.filter(isOnline).length} of ${counted.length}`;
    const pending = executors.filter((one) => one.state === 0).length;
    const { ispaused: paused } = await page.call("getpausestatusmsg", { colonyname: page.colony });
    refill(
      state,
      pending ? h("p.hintbox", {}, `${plural(pending, "executor waits", "executors wait")} for approval. `, link("/executors", "Look")) : null,
      paused ? h("p.hintbox", {}, badge(4, { 4: "paused" }), " Nothing is assigned in this colony for now.") : null,
      page.session.owner ? pauseButton(page, paused, people) : null,
    );
  }

  page.refresh = () => Promise.all([statistics(), people()]);
  await page.refresh();
  page.every(STATS_S, statistics);
  page.every(PEOPLE_S, people);
  page.subscribe("subscribeprocessesmsg", { executortype: "", states: [FAILED] }, () => {
    statistics().catch((error) => page.app.failed(error, { quiet: true }));
  });
}

function pauseButton(page, paused, refresh) {
  const change = async () => {
    if (!paused && !(await confirmed(`Assign nothing in ${page.colony} until it is resumed?`, "Pause", "Not now"))) return false;
    await page.asOwner(paused ? "resumeassignmentsmsg" : "pauseassignmentsmsg", { colonyname: page.colony });
    return refresh();
  };
  return h("p", {}, action(page, paused ? "Resume assignments" : "Pause assignments", change));
}
