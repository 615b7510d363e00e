// Lines of all logs that contain a text.
import { h } from "../dom.js";
import { absolute, plural } from "../format.js";
import { Table, act, field, idLink, select } from "../parts.js";

const COUNT = 100;

export async function show(page) {
  const text = h("input", { type: "search", required: true, value: page.params.text || "" });
  const days = select([[1, "a day"], [7, "a week"], [30, "a month"]], page.params.days || 1);
  const button = h("button.primary", { type: "submit" }, "Search");
  const note = h("p.quiet", { role: "status" });
  const table = new Table(
    [
      { name: "When", cell: (row) => absolute(Number(BigInt(row.timestamp) / 1000000n)), kind: "short" },
      { name: "Executor", cell: (row) => row.executorname },
      { name: "Process", cell: (row) => (row.processid ? idLink("process", row.processid) : "–") },
      { name: "Line", cell: (row) => h("code.line", {}, row.message), kind: "wide.long" },
    ],
    { caption: "Lines found", key: (row) => `${row.timestamp}${row.processid}`, none: "" },
  );
  const search = async () => {
    page.remember("/logs", { text: text.value, days: days.value });
    const rows = await page.call("searchlogsmsg", { colonyname: page.colony, text: text.value, days: Number(days.value), count: COUNT });
    table.update(rows);
    note.textContent = rows.length ? (rows.length === COUNT ? `The ${COUNT} newest lines are shown.` : `${plural(rows.length, "line")}.`) : "No line contains this.";
  };
  const submit = (event) => {
    event.preventDefault();
    act(page, button, search);
  };
  page.show(page.heading("Logs"), h("form.filters", { onsubmit: submit }, field("Lines that contain", text), field("Of the last", days), button), note, table.element);
  if (text.value) await search();
}
