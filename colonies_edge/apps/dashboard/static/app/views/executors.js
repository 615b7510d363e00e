// Executors: who is there, what they hold, who waits for approval.
import { h } from "../dom.js";
import { EXECUTOR_STATES, RUNNING, ms, now, when } from "../format.js";
import { Table, action, badge, confirmed, field, link } from "../parts.js";

const REFRESH_S = 5, HELD_MAX = 100;
const HEARD_MS = 10000; // one that asks for work again and again is there, though just now it waits for no answer

export function isOnline(executor) {
  return Boolean(executor.online) || (!executor.left && now() - ms(executor.lastheardfromtime) < HEARD_MS);
}

// `holds`: how many processes it runs. One that works off what it pulled is not heard meanwhile.
export function presence(executor, holds = 0) {
  if (isOnline(executor)) return h("span.presence.on", {}, "online");
  return holds ? h("span.presence.busy", {}, "at work") : h("span.presence.off", {}, "offline");
}

// Approve, reject, remove: what of these makes sense, for those who have the owner's key.
export function ownersActions(page, executor, refresh) {
  if (!page.session.owner) return [];
  const change = (msgtype) => page.asOwner(msgtype, { colonyname: page.colony, executorname: executor.executorname });
  // One that may work is not stopped by a slip of the finger.
  const button = (text, msgtype, { asked, kind }) => action(page, text, async () => {
    if (asked && !(await confirmed(`${text} ${executor.executorname}? What it runs goes back to the queue.`, text))) return false;
    await change(msgtype);
    return refresh();
  }, { kind });
  const buttons = [];
  if (executor.state !== 1) buttons.push(button("Approve", "approveexecutormsg", {}));
  if (executor.state === 0 || executor.state === 1) buttons.push(button("Reject", "rejectexecutormsg", { asked: executor.state === 1 }));
  if (executor.state !== 3) buttons.push(button("Remove", "removeexecutormsg", { asked: true, kind: "danger" }));
  return buttons;
}

export async function show(page) {
  let all = false, word = "";
  const held = new Map();
  const table = new Table(
    [
      { name: "Name", cell: (row) => link(`/executor/${encodeURIComponent(row.executorname)}`, row.executorname) },
      { name: "Type", cell: (row) => row.executortype },
      { name: "State", cell: (row) => (row.state === 1 ? presence(row, row.holds) : badge(["0", "2", "3", "4"][row.state], { 0: EXECUTOR_STATES[0], 2: EXECUTOR_STATES[1], 3: EXECUTOR_STATES[2], 4: EXECUTOR_STATES[3] })) },
      { name: "Holds", cell: (row) => row.holds || "–", kind: "number" },
      { name: "Location", cell: (row) => row.locationname || "" },
      { name: "Last heard", cell: (row) => when(row.lastheardfromtime, "never") },
      { name: "", cell: (row) => ownersActions(page, row, page.refresh), kind: "actions" },
    ],
    { caption: "Executors", key: (row) => row.executorname, none: "No executor fits. `colonies-edge executor os start` makes one." },
  );
  const note = h("p.quiet", {});
  let executors = [];
  const draw = () => {
    const rows = executors
      .filter((one) => (all || one.state !== 3) && `${one.executorname} ${one.executortype} ${one.locationname || ""}`.toLowerCase().includes(word))
      .map((one) => ({ ...one, holds: held.get(one.executorid) || 0, shown: isOnline(one) }));
    rows.sort((a, b) => (a.state === 0 ? 0 : 1) - (b.state === 0 ? 0 : 1) || (a.executorname < b.executorname ? -1 : 1));
    table.update(rows);
  };
  page.refresh = async () => {
    executors = await page.call("getexecutorsmsg", { colonyname: page.colony });
    const running = await page.call("getprocessesmsg", { colonyname: page.colony, state: RUNNING, count: HELD_MAX });
    held.clear();
    for (const one of running) held.set(one.assignedexecutorid, (held.get(one.assignedexecutorid) || 0) + 1);
    note.textContent = running.length === HELD_MAX ? `“Holds” counts the ${HELD_MAX} oldest of the running processes.` : "";
    draw();
  };
  const search = h("input", { type: "search", placeholder: "name, type, place" });
  search.addEventListener("input", () => {
    word = search.value.trim().toLowerCase();
    draw();
  });
  const removed = h("input", { type: "checkbox" });
  removed.addEventListener("change", () => {
    all = removed.checked;
    draw();
  });
  page.show(
    page.heading("Executors"),
    h("div.filters", field("Find", search), h("label.check", {}, removed, " removed ones too")),
    page.session.owner ? null : h("p.quiet", {}, "To approve, reject or remove executors, give the colony owner's key on the page ", link("/keys", "Keys"), "."),
    table.element, note,
  );
  await page.refresh();
  page.every(REFRESH_S, page.refresh);
}
