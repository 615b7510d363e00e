// Work that starts when enough arguments have come together.
import { h } from "../dom.js";
import { duration, when } from "../format.js";
import { Table, act, action, confirmed } from "../parts.js";

const COUNT = 100, QUEUES_MAX = 20, REFRESH_S = 10;

export async function show(page) {
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.name) },
      { name: "Starts at", cell: (row) => `${row.trigger} arguments${row.timeout > 0 ? `, or after ${duration(row.timeout * 1000)}` : ""}` },
      { name: "Waiting", cell: (row) => row.queuesize, kind: "number" },
      { name: "Last run", cell: (row) => [when(row.lastrun, "never"), row.error ? h("div.bad", {}, row.error) : null] },
      { name: "Initiator", cell: (row) => row.initiatorname },
      { name: "", cell: (row) => buttons(row), kind: "actions" },
    ],
    { caption: "Generators", key: (row) => row.generatorid, none: "There are no generators. `colonies-edge generator add` makes one." },
  );
  page.refresh = async () => {
    const rows = await page.call("getgeneratorsmsg", { colonyname: page.colony, count: COUNT });
    const whole = await Promise.all(rows.slice(0, QUEUES_MAX).map((one) => page.call("getgeneratormsg", { generatorid: one.generatorid })));
    table.update([...whole, ...rows.slice(QUEUES_MAX).map((one) => ({ ...one, queuesize: "–" }))]);
  };

  function buttons(row) {
    const arg = h("input", { "aria-label": `An argument for ${row.name}`, placeholder: "argument", size: 10 });
    const add = h("button", { type: "submit" }, "Add");
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

  page.show(page.heading("Generators"), table.element);
  await page.refresh();
  page.every(REFRESH_S, async () => table.element.contains(document.activeElement) || (await page.refresh()));
}
