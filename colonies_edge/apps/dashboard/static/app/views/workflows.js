// Workflows in one state, the latest first.
import { h } from "../dom.js";
import { RUNNING, STATES, count, duration, ms, when } from "../format.js";
import { Table, badge, choice, idLink } from "../parts.js";

const COUNT = 100;

export async function show(page) {
  const state = STATES[page.params.state] === undefined ? RUNNING : Number(page.params.state);
  let rows = [], news = []; // news: what was told while an answer was on its way, which may be older
  const table = new Table(
    [
      { name: "Workflow", cell: (row) => idLink("workflow", row.processgraphid) },
      { name: "State", cell: (row) => badge(row.state) },
      { name: "Processes", cell: (row) => count(row.processids.length), kind: "number" },
      { name: "Initiator", cell: (row) => row.initiatorname },
      { name: "Submitted", cell: (row) => when(row.submissiontime) },
      { name: "Took", cell: (row) => (row.state > RUNNING && ms(row.starttime) ? duration(ms(row.endtime) - ms(row.starttime)) : "–") },
    ],
    { caption: `Workflows that are ${STATES[state]}`, key: (row) => row.processgraphid, none: `No workflow is ${STATES[state]}.` },
  );
  const note = h("p.quiet", {});
  const draw = () => {
    table.update(rows);
    note.textContent = rows.length >= COUNT ? `The ${COUNT} latest are shown.` : "";
  };
  const take = (row) => {
    const others = rows.filter((one) => one.processgraphid !== row.processgraphid);
    rows = row.state === state ? [row, ...others] : others;
    rows.sort((a, b) => ms(b.submissiontime) - ms(a.submissiontime));
    rows.length = Math.min(rows.length, COUNT);
  };
  page.refresh = async () => {
    news = [];
    rows = await page.call("getprocessgraphsmsg", { colonyname: page.colony, state, count: COUNT });
    news.forEach(take);
    draw();
  };
  page.show(
    page.heading("Workflows"),
    choice("State", STATES.map((text, index) => [index, text]), state, (picked) => page.go(`/workflows?state=${picked}`)),
    table.element, note,
  );
  page.subscribe("subscribeprocessgraphmsg", { processgraphid: "", states: [0, 1, 2, 3, 4] }, (row, kind) => {
    if (kind === "error") return;
    news.push(row);
    if (news.length > COUNT) news.shift();
    take(row);
    draw();
  });
  await page.watching();
  await page.refresh();
}
