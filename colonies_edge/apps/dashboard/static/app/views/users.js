// Who may submit.
import { h } from "../dom.js";
import { Table, copyable } from "../parts.js";

const REFRESH_S = 10;

export async function show(page) {
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.name) },
      { name: "Identity", cell: (row) => copyable(row.userid), kind: "wide.long" },
      { name: "E-mail", cell: (row) => row.email },
      { name: "Telephone", cell: (row) => row.phone },
    ],
    { caption: "Users", key: (row) => row.userid, none: "The colony has no users." },
  );
  page.show(page.heading("Users"), table.element);
  page.refresh = async () => table.update(await page.call("getusersmsg", { colonyname: page.colony }));
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}
