// What can be asked for: the functions that executors registered.
import { h } from "../dom.js";
import { Table, field, link } from "../parts.js";
import { FUNCTION_COLUMNS } from "./executor.js";

const REFRESH_S = 10;

export async function show(page) {
  let functions = [];
  const table = new Table(
    [
      ...FUNCTION_COLUMNS.slice(0, 1),
      { name: "Type", cell: (row) => row.executortype },
      { name: "Executor", cell: (row) => link(`/executor/${encodeURIComponent(row.executorname)}`, row.executorname) },
      ...FUNCTION_COLUMNS.slice(1),
      { name: "", cell: (row) => submit(page, row), kind: "actions" },
    ],
    { caption: "Functions", key: (row) => row.functionid, none: "No executor has registered a function." },
  );
  const order = (a, b) => (a.funcname < b.funcname ? -1 : a.funcname > b.funcname ? 1 : a.executorname < b.executorname ? -1 : 1);
  const search = h("input", { type: "search", placeholder: "name, type, executor" });
  const draw = () => {
    const word = search.value.trim().toLowerCase();
    table.update(functions.filter((one) => `${one.funcname} ${one.executortype} ${one.executorname}`.toLowerCase().includes(word)));
  };
  search.addEventListener("input", draw);
  page.refresh = async () => {
    functions = (await page.call("getfunctionsmsg", { colonyname: page.colony, executorname: "" })).sort(order);
    draw();
  };
  page.show(page.heading("Functions"), h("div.filters", field("Find", search)), table.element);
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}

function submit(page, { funcname, executortype }) {
  if (page.session.readonly) return null;
  return h("a.button", { href: `#/submit?${new URLSearchParams({ function: funcname, type: executortype })}` }, "Submit");
}
