// Files by label, their versions, and snapshots.
import { fill, h } from "../dom.js";
import { bytesOf } from "../call.js";
import { bytes, count, when } from "../format.js";
import { sha256hex } from "../identity.js";
import { Table, action, link, section } from "../parts.js";

const PAGE = 100, CHUNK = 131072;
const DOWNLOAD_MAX = 64 * 2 ** 20; // it is gathered in the browser's memory

export async function show(page) {
  const { label = "", name = "" } = page.params;
  const place = h("div", {});
  page.show(page.heading("Files"), crumbs(label, name), place);
  if (name) await versions(page, place, label, name);
  else await labels(page, place, label);
}

function at(label, name = "") {
  return `/files?${new URLSearchParams(name ? { label, name } : { label })}`;
}

function crumbs(label, name) {
  const parts = label.split("/").filter(Boolean);
  const links = parts.map((part, index) => [" / ", link(at(`/${parts.slice(0, index + 1).join("/")}`), part)]);
  return h("p.crumbs", {}, link("/files", "all labels"), links, name ? [" / ", h("b", {}, name)] : null);
}

// All pages of a list that the coordinator cuts by size.
async function whole(page, msgtype, fields, key) {
  const rows = [];
  for (;;) {
    const more = await page.call(msgtype, { colonyname: page.colony, count: PAGE, ...fields, after: rows.length ? rows.at(-1)[key] : "" });
    rows.push(...more);
    if (!more.length || rows.length >= 50 * PAGE) return rows;
  }
}

async function labels(page, place, label) {
  const below = new Table(
    [
      { name: "Label", cell: (row) => link(at(row.name), row.name), kind: "wide" },
      { name: "Versions", cell: (row) => count(row.files), kind: "number" },
    ],
    { caption: "Labels", key: (row) => row.name, none: "There are no labels below." },
  );
  const found = await whole(page, "getfilelabelsmsg", { name: label, exact: Boolean(label) }, "name");
  below.update(found.filter((one) => one.name !== label));
  fill(place, section("Labels", below.element));
  if (label) {
    const files = new Table(
      [
        { name: "File", cell: (row) => link(at(label, row.name), row.name), kind: "wide" },
        { name: "Size", cell: (row) => bytes(row.size), kind: "number" },
        { name: "Checksum", cell: (row) => h("code", { title: row.checksum }, row.checksum.slice(0, 12)) },
      ],
      { caption: "Files", key: (row) => row.name, none: "No file lies directly on this label." },
    );
    files.update(await whole(page, "getfilesmsg", { label }, "name"));
    place.prepend(section("Files", files.element));
  } else {
    place.append(section("Snapshots", await snapshots(page)));
  }
}

async function snapshots(page) {
  const table = new Table(
    [
      { name: "Snapshot", cell: (row) => h("b", {}, row.name) },
      { name: "Of label", cell: (row) => link(at(row.label), row.label), kind: "wide" },
      { name: "Files", cell: (row) => count((row.fileids || []).length), kind: "number" },
      { name: "Made", cell: (row) => when(row.added) },
    ],
    { caption: "Snapshots", key: (row) => row.snapshotid, none: "There are no snapshots." },
  );
  table.update(await page.call("getsnapshotsmsg", { colonyname: page.colony }));
  return table.element;
}

async function versions(page, place, label, name) {
  const table = new Table(
    [
      { name: "Version", cell: (row) => row.sequencenr, kind: "number" },
      { name: "Size", cell: (row) => bytes(row.size), kind: "number" },
      { name: "Added", cell: (row) => when(row.added) },
      { name: "Kept", cell: (row) => (row.ref.protocol === "blob" ? "with the coordinator" : `${row.ref.protocol} ${row.ref.s3object?.server || ""}`) },
      { name: "Checksum", cell: (row) => h("code", { title: row.checksum }, row.checksum.slice(0, 12)), kind: "wide" },
      { name: "", cell: (row) => download(page, row), kind: "actions" },
    ],
    { caption: "Versions", key: (row) => row.fileid, none: "This file is not there any more." },
  );
  fill(place, section("Versions", table.element));
  table.update(await page.call("getfilemsg", { colonyname: page.colony, label, name, latest: false, count: PAGE }));
}

// The bytes, checked against their name before they are handed over.
function download(page, file) {
  if (file.ref.protocol !== "blob") return null;
  if (file.size > DOWNLOAD_MAX) return h("span.quiet", {}, "large: use colonies-edge fs");
  return action(page, "Download", async () => {
    const sha256 = file.ref.s3object.object, parts = [];
    for (let offset = 0; offset < file.size; ) {
      const part = await page.call("getblobmsg", { colonyname: page.colony, sha256, offset, length: CHUNK });
      const data = bytesOf(part.data);
      if (!data.length) throw new Error("The file ended before its end: try again.");
      parts.push(data);
      offset += data.length;
    }
    const blob = new Blob(parts);
    if (sha256hex(new Uint8Array(await blob.arrayBuffer())) !== sha256) throw new Error("What arrived is not this file: its checksum differs.");
    const url = URL.createObjectURL(blob);
    h("a", { href: url, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }, { reads: true });
}
