// Blueprints: what should be, and what is.
import { fill, h } from "../dom.js";
import { when } from "../format.js";
import { Table, action, pre, section } from "../parts.js";

const REFRESH_S = 10;

export async function show(page) {
  const detail = h("div", {});
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.metadata.name) },
      { name: "Kind", cell: (row) => row.kind },
      { name: "Location", cell: (row) => row.metadata.locationname || "" },
      { name: "Generation", cell: (row) => row.metadata.generation ?? "", kind: "number" },
      { name: "Changed", cell: (row) => when(row.metadata.updatedAt) },
      { name: "", cell: (row) => buttons(row), kind: "actions" },
    ],
    { caption: "Blueprints", key: (row) => row.blueprintid, none: "There are no blueprints. `colonies-edge blueprint add` makes one." },
  );

  function buttons(row) {
    const reconcile = action(page, "Reconcile", () => page.change("reconcileblueprintmsg", { namespace: page.colony, name: row.metadata.name, force: false }), { done: "It is being reconciled." });
    const look = h("button", { type: "button" }, "Show");
    look.addEventListener("click", () => {
      fill(detail, section(`Specification of ${row.metadata.name}`, pre(row.spec)), section("Status", pre(row.status || {})));
      detail.scrollIntoView();
    });
    return [look, reconcile];
  }

  page.refresh = async () => table.update(await page.call("getblueprintsmsg", { namespace: page.colony }));
  page.show(page.heading("Blueprints"), table.element, detail);
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}
