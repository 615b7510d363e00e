// Work that starts when enough arguments have come together.
import { h } from "../dom.js";
import { duration, plural, when } from "../format.js";
import { Pager, Table, act, action, confirmed, submitter } from "../parts.js";

const PAGE = 20, REFRESH_S = 10; // each row is a call: only one by one they tell what waits in them

export async function show(page) {
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.name) },
      { name: "Starts at", cell: (row) => `${plural(row.trigger, "argument")}${row.timeout > 0 ? `, or after ${duration(row.timeout * 1000)}` : ""}` },
      { name: "Waiting", cell: (row) => row.queuesize, kind: "number" },
      { name: "Last run", cell: (row) => [when(row.lastrun, "never"), row.error ? h("div.bad", {}, row.error) : null] },
      { name: "Initiator", cell: (row) => row.initiatorname },
      { name: "", cell: (row) => buttons(row), kind: "actions" },
    ],
    { caption: "Generators", key: (row) => row.generatorid, none: "There are no generators. `colonies-edge generator add` makes one." },
  );
  let rows = [];
  page.refresh = async () => {
    rows = await pager.read((fields) => page.call("getgeneratorsmsg", { colonyname: page.colony, ...fields }));
    table.update(await Promise.all(rows.map((one) => page.call("getgeneratormsg", { generatorid: one.generatorid }))));
    pager.draw();
  };
  const pager = new Pager(page, PAGE, { last: () => rows.at(-1).generatorid, load: page.refresh });

  function buttons(row) {
    const arg = h("input", { "aria-label": `An argument for ${row.name}`, placeholder: "argument", size: 10 });
    const add = submitter(page, "Add");
    const pack = async () => {
      await page.change("packgeneratormsg", { generatorid: row.generatorid, arg: arg.value });
      arg.value = "";
      await page.refresh();
    };
    const submit = (event) => {
      event.preventDefault();
      act(page, add, pack);
    };
    const remove = action(page, "Remove", async () => {
      if (!(await confirmed(`Remove the generator ${row.name} and the arguments that wait in it?`, "Remove"))) return false;
      await page.change("removegeneratormsg", { generatorid: row.generatorid });
      return page.refresh();
    }, { kind: "danger", done: `${row.name} was removed.` });
    return [h("form.inline", { onsubmit: submit }, arg, add), remove];
  }

  page.show(page.heading("Generators"), table.element, pager.element);
  await page.refresh();
  page.every(REFRESH_S, async () => table.element.contains(document.activeElement) || (await page.refresh()));
}
