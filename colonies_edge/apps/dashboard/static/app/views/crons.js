// Work that starts by the clock: when it ran, when it runs next.
import { h } from "../dom.js";
import { duration, when } from "../format.js";
import { Pager, Table, action, confirmed, idLink } from "../parts.js";

const PAGE = 50, REFRESH_S = 10;

export async function show(page) {
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.name) },
      { name: "When", cell: (row) => (row.interval > 0 ? `every ${duration(row.interval * 1000)}${row.random ? ", at random" : ""}` : h("code", {}, row.cronexpression)), kind: "short" },
      { name: "Next run", cell: (row) => when(row.nextrun) },
      { name: "Last run", cell: (row) => [when(row.lastrun, "never"), row.error ? h("div.bad", {}, row.error) : null] },
      { name: "Latest workflow", cell: (row) => (row.prevprocessgraphid ? idLink("workflow", row.prevprocessgraphid) : "–") },
      { name: "Initiator", cell: (row) => row.initiatorname },
      { name: "", cell: (row) => buttons(row), kind: "actions" },
    ],
    { caption: "Crons", key: (row) => row.cronid, none: "There are no crons. `colonies-edge cron add` makes one." },
  );
  let rows = [];
  page.refresh = async () => {
    rows = await pager.read((fields) => page.call("getcronsmsg", { colonyname: page.colony, ...fields }));
    table.update(rows);
    pager.draw();
  };
  const pager = new Pager(page, PAGE, { last: () => rows.at(-1).cronid, load: page.refresh });

  function buttons(row) {
    const run = action(page, "Run now", async () => {
      await page.change("runcronmsg", { cronid: row.cronid });
      await page.refresh();
    }, { done: row.waitforprevprocessgraph ? `${row.name} runs as soon as its latest workflow has ended.` : `${row.name} was started.` });
    const remove = action(page, "Remove", async () => {
      if (!(await confirmed(`Remove the cron ${row.name}?`, "Remove"))) return false;
      await page.change("removecronmsg", { cronid: row.cronid });
      return page.refresh();
    }, { kind: "danger", done: `${row.name} was removed.` });
    return [run, remove];
  }

  page.show(page.heading("Crons"), table.element, pager.element);
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}
