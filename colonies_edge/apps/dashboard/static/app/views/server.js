// The coordinator itself: its build, its clock, its numbers, its broker and bridges as far as they show.
import { fill, h } from "../dom.js";
import { bytes, count, duration, when } from "../format.js";
import { Table, empty, facts, link, section } from "../parts.js";
import { presence } from "./executors.js";

const REFRESH_S = 10;
const LINE = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)$/;

export async function show(page) {
  const health = h("div", {}), numbers = h("div", {}), bridging = h("div", {}), queues = h("div", {});
  const began = performance.now();
  const info = await page.call("getserverinfomsg", {}, { signer: null });
  const took = performance.now() - began, { offset } = page.app.caller;
  page.show(
    page.heading("Server"),
    h(
      "div.columns",
      section("Coordinator", facts([
        ["Build", info.buildversion], ["Built", info.buildtime], ["Answers in", duration(took)],
        ["Its clock", Math.abs(offset) < 1000 ? "as this computer's" : `${duration(Math.abs(offset))} ${offset > 0 ? "ahead of" : "behind"} this computer's`],
        ["Identity", page.session.serverid && h("code", {}, page.session.serverid)],
        ["Reached by", (info.backends || []).map((one) => h("div", {}, `${one.type} ${one.host || ""}:${one.port}${one.tls ? " (TLS)" : ""}`))],
        ["Health", health],
      ])),
      section("Broker, disk and memory", numbers),
    ),
    section("Queues", queues),
    section("Bridges", bridging),
  );
  page.refresh = async () => {
    const executors = await page.call("getexecutorsmsg", { colonyname: page.colony });
    fill(health, await healthOf());
    const metrics = await metricsOf();
    fill(numbers, metrics ? facts(about(metrics)) : empty("Its numbers are shown on the coordinator's own machine only, or with --metrics-for-all."));
    fill(queues, waiting(metrics, page.colony));
    fill(bridging, bridges(executors.filter((one) => /bridge/i.test(one.executortype) && one.state !== 3)));
  };
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}

async function healthOf() {
  const response = await fetch("/health", { cache: "no-store", credentials: "omit" }).catch(() => null);
  if (!response) return h("span.presence.off", {}, "cannot be reached");
  const text = (await response.text()).trim();
  return response.ok ? h("span.presence.on", {}, "well") : h("span.bad", {}, text || `not well (${response.status})`);
}

// Prometheus text as { name: [{ labels, value }] }, or null where it is not for us.
async function metricsOf() {
  const response = await fetch("/metrics", { cache: "no-store", credentials: "omit" }).catch(() => null);
  if (!response?.ok) return null;
  const found = {};
  for (const line of (await response.text()).split("\n")) {
    const [, name, labels = "", value] = line.match(LINE) || [];
    if (name) (found[name] ??= []).push({ labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text])), value: Number(value) });
  }
  return found;
}

function about(metrics) {
  const one = (name) => metrics[name]?.[0]?.value;
  const some = (name, shown) => (one(name) === undefined ? "" : shown(one(name)));
  const commits = one("colonies_edge_journal_sync_seconds_count");
  return [
    ["Broker", some("colonies_edge_broker_round_trip_seconds", (value) => (value < 0 ? h("span.bad", {}, "no connection") : `answers in ${duration(value * 1000)}`))],
    ["Commits", commits ? `${count(commits)}, on the disk after ${duration((one("colonies_edge_journal_sync_seconds_sum") / commits) * 1000)} on average` : ""],
    ["Disk free", some("colonies_edge_disk_free_bytes", bytes)],
    ["Read-only", some("colonies_edge_read_only", (value) => (value ? h("span.bad", {}, "yes: the data are damaged") : "no"))],
    ["Memory", some("process_resident_memory_bytes", bytes)],
    ["Leases", some("colonies_edge_leases", count)],
    ["Leases lost", some("colonies_edge_leases_lost_total", count)],
    ["Long polls", some("colonies_edge_long_polls", count)],
    ["Subscriptions", some("colonies_edge_subscriptions", count)],
    ["Replays refused", some("colonies_edge_replays_refused_total", count)],
  ];
}

function waiting(metrics, colony) {
  const ages = (metrics?.colonies_edge_queue_age_seconds || []).filter((one) => one.labels.colony === colony);
  if (!ages.length) return empty(metrics ? "Nothing waits." : "Unknown here.");
  const served = metrics.colonies_edge_queue_served || [];
  const table = new Table(
    [
      { name: "Executor type", cell: (row) => row.type },
      { name: "Waits for", cell: (row) => duration(row.age * 1000), kind: "short" },
      { name: "Served", cell: (row) => (row.served ? "yes" : h("span.bad", {}, "by nobody now")) },
    ],
    { caption: "Queues", key: (row) => row.type },
  );
  table.update(ages.map(({ labels, value }) => ({
    type: labels.executortype, age: value,
    served: served.some((one) => one.labels.colony === colony && one.labels.executortype === labels.executortype && one.value),
  })));
  return table.element;
}

function line(side) {
  if (!side) return "";
  const since = h("span", {}, `${side.line} since `, when(side.since));
  return side.line === "up" ? since : h("div.bad", {}, since, side.lasterror ? h("div", {}, side.lasterror) : "");
}

function waits(kinds) {
  return Object.entries(kinds || {}).map(([kind, number]) => `${number} ${kind}`).join(", ");
}

function bridges(rows) {
  if (!rows.length) return empty("No bridge has registered in this colony.");
  const table = new Table(
    [
      { name: "Name", cell: (row) => link(`/executor/${encodeURIComponent(row.executorname)}`, row.executorname) },
      { name: "State", cell: presence },
      { name: "Edge", cell: (row) => line(row.bridge?.edge) },
      { name: "Cloud", cell: (row) => line(row.bridge?.cloud) },
      { name: "Waiting", cell: (row) => waits(row.bridge?.waiting) },
    ],
    { caption: "Bridges", key: (row) => row.executorname },
  );
  table.update(rows);
  return table.element;
}
