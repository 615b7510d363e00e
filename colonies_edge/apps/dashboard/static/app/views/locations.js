// Places that executors and conditions refer to by name.
import { h } from "../dom.js";
import { Table } from "../parts.js";

const REFRESH_S = 10;

export async function show(page) {
  const table = new Table(
    [
      { name: "Name", cell: (row) => h("b", {}, row.name) },
      { name: "Description", cell: (row) => row.description, kind: "wide" },
      { name: "Latitude", cell: (row) => row.lat, kind: "number" },
      { name: "Longitude", cell: (row) => row.long, kind: "number" },
      { name: "Executors", cell: (row) => row.executors, kind: "number" },
    ],
    { caption: "Locations", key: (row) => row.name, none: "There are no locations. `colonies-edge location add` makes one." },
  );
  page.show(page.heading("Locations"), table.element);
  page.refresh = async () => {
    const [locations, executors] = await Promise.all(
      ["getlocationsmsg", "getexecutorsmsg"].map((msgtype) => page.call(msgtype, { colonyname: page.colony })),
    );
    const at = (name) => executors.filter((one) => one.state === 1 && (one.locationname || "").toLowerCase() === name.toLowerCase()).length;
    table.update(locations.map((one) => ({ ...one, executors: at(one.name) })));
  };
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}
