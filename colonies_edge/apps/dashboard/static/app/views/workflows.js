// Workflows in one state, the latest first.
import { h } from "../dom.js";
import { RUNNING, STATES, count, duration, ms, when } from "../format.js";
import { Pager, Table, badge, choice, hurry, idLink } from "../parts.js";

const PAGE = 50, REFILL_MS = 2000;
const AGAIN_S = 30; // nobody tells that a workflow was removed

export async function show(page) {
  const state = STATES[page.params.state] === undefined ? RUNNING : Number(page.params.state);
  let rows = [], refill = 0, news = []; // news: what was told while an answer was on its way, which may be older
  const table = new Table(
    [
      { name: "Workflow", cell: (row) => idLink("workflow", row.processgraphid) },
      { name: "State", cell: (row) => badge(row.state) },
      { name: "Processes", cell: (row) => count(row.processids.length), kind: "number" },
      { name: "Initiator", cell: (row) => row.initiatorname },
      { name: "Submitted", cell: (row) => when(row.submissiontime) },
      { name: "Took", cell: (row) => (row.state > RUNNING && ms(row.starttime) ? duration(ms(row.endtime) - ms(row.starttime)) : "–"), kind: "short" },
    ],
    { caption: `Workflows that are ${STATES[state]}`, key: (row) => row.processgraphid, none: `No workflow is ${STATES[state]}.` },
  );
  const draw = () => {
    table.update(rows);
    pager.draw();
  };
  const take = (row) => {
    const others = rows.filter((one) => one.processgraphid !== row.processgraphid), shown = others.length < rows.length;
    if (!shown && !(pager.first && row.state === state)) return;
    rows = row.state === state ? [row, ...others] : others;
    rows.sort((a, b) => ms(b.submissiontime) - ms(a.submissiontime));
    pager.more ||= rows.length > PAGE;
    rows.length = Math.min(rows.length, PAGE);
    if (rows.length < PAGE && pager.more) refill ||= setTimeout(fill, REFILL_MS);
  };
  const fill = () => {
    refill = 0;
    if (page.open) page.refresh().catch((error) => page.app.failed(error, { quiet: true }));
  };
  page.refresh = async () => {
    news = [];
    rows = await pager.read((fields) => page.call("getprocessgraphsmsg", { colonyname: page.colony, state, ...fields }));
    news.forEach(take);
    draw();
  };
  const pager = new Pager(page, PAGE, { last: () => rows.at(-1).processgraphid, load: page.refresh });
  page.show(
    page.heading("Workflows"),
    choice("State", STATES.map((text, index) => [index, text]), state, (picked) => page.go(`/workflows?state=${picked}`)),
    hurry(page), table.element, pager.element,
  );
  page.subscribe("subscribeprocessgraphmsg", { processgraphid: "", states: [0, 1, 2, 3, 4] }, (row, kind) => {
    if (kind === "error") return;
    news.push(row);
    if (news.length > PAGE) news.shift();
    take(row);
    draw();
  });
  await page.watching();
  await page.refresh();
  page.every(AGAIN_S, page.refresh);
}
