// Submitting: a function that executors registered, with a field for each argument; any other; or a whole workflow.
import { argument, argumentsOf, isObject, list, object, strictJson } from "../arguments.js";
import { fill, h } from "../dom.js";
import { json } from "../format.js";
import { act, choice, field, select, submitter } from "../parts.js";

const EXAMPLE = {
  functionspecs: [
    { nodename: "first", funcname: "echo", args: ["hello"], conditions: { executortype: "cli" } },
    { nodename: "second", funcname: "echo", args: ["world"], conditions: { executortype: "cli", dependencies: ["first"] } },
  ],
};

export async function show(page) {
  const draft = page.app.draft;
  page.app.draft = null;
  const functions = offered(await page.call("getfunctionsmsg", { colonyname: page.colony, executorname: "" }));
  const place = h("div", {}), built = {};
  const modes = {
    function: () => registered(page, functions, page.params),
    other: () => free(page, draft),
    workflow: () => workflow(page),
  };
  const first = draft || !functions.length ? "other" : "function";
  const pick = (mode) => { // each is made once and hidden: what was typed in it is there again
    built[mode] ??= place.appendChild(modes[mode]());
    for (const [name, one] of Object.entries(built)) one.hidden = name !== mode;
  };
  page.show(
    page.heading("Submit"),
    choice("What", [["function", "A registered function"], ["other", "Any function"], ["workflow", "A workflow"]], first, pick),
    place,
  );
  pick(first);
}

// One entry for each executor type and function, however many executors offer it.
function offered(functions) {
  const found = new Map();
  for (const one of functions) found.set(`${one.executortype}\n${one.funcname}`, one);
  return [...found.values()].sort((a, b) => (a.funcname < b.funcname ? -1 : 1));
}

async function send(page, spec) {
  const process = await page.change("submitfuncspecmsg", { spec });
  page.go(`/process/${process.processid}`);
}

function limits(spec = {}) {
  const number = (value, min) => h("input", { type: "number", value, min, step: 1 });
  const shown = (value) => (value > 0 ? value : "");
  const controls = {
    label: h("input", { value: spec.label || "" }),
    priority: number(spec.priority || 0, -50000),
    maxwaittime: number(shown(spec.maxwaittime), 1),
    maxexectime: number(shown(spec.maxexectime), 1),
    maxretries: number(spec.maxretries || 0, -1),
  };
  const element = h(
    "details.more", h("summary", {}, "Limits, label, priority"),
    field("Label", controls.label), field("Priority", controls.priority, "one point is worth a day of waiting"),
    field("May wait, seconds", controls.maxwaittime, "empty: for ever"), field("May run, seconds", controls.maxexectime, "empty: for ever"),
    field("Retries", controls.maxretries, "−1: any number"),
  );
  const value = () => ({
    label: controls.label.value.trim(), priority: Number(controls.priority.value || 0),
    maxwaittime: Number(controls.maxwaittime.value || -1), maxexectime: Number(controls.maxexectime.value || -1),
    maxretries: Number(controls.maxretries.value || 0),
  });
  return { element, value };
}

function form(page, content, spec) {
  const button = submitter(page, "Submit", "primary");
  const submit = (event) => {
    event.preventDefault();
    act(page, button, () => spec());
  };
  const element = h("form.card.submit", { onsubmit: submit }, content, h("div.actions", button));
  // A browser shows what is wrong with a field, but not in what is folded up.
  element.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
  return element;
}

function registered(page, functions, params) {
  if (!functions.length) return h("p.empty", {}, "No executor has registered a function. Take “Any function”.");
  const chosen = functions.findIndex((one) => one.funcname === params.function && one.executortype === params.type);
  const pick = select(functions.map((one, index) => [index, `${one.funcname} (${one.executortype})`]), Math.max(0, chosen));
  const place = h("div", {});
  let current, args;
  const draw = () => {
    current = functions[Number(pick.value)];
    args = (current.args || []).map(argument);
    fill(place, current.description ? h("p", {}, current.description) : null, args.map((one) => one.element), args.length ? null : h("p.quiet", {}, "It takes no arguments."));
  };
  pick.addEventListener("change", draw);
  draw();
  const more = limits();
  return form(page, [field("Function", pick), place, more.element], () => send(page, {
    funcname: current.funcname, ...argumentsOf(args), ...more.value(), conditions: { colonyname: page.colony, executortype: current.executortype },
  }));
}

function area(value, rows) {
  const element = h("textarea", { rows, spellcheck: "false" });
  element.value = value; // exactly: as a child it would be a text to look at
  return element;
}

function free(page, draft) {
  const spec = draft || {}, c = spec.conditions || {};
  const name = h("input", { required: true, value: spec.funcname || "", spellcheck: "false" });
  const type = h("input", { required: true, value: c.executortype || "cli", spellcheck: "false" });
  const args = area(json(spec.args || []), 3), kwargs = area(json(spec.kwargs || {}), 3), env = area(json(spec.env || {}), 2);
  const more = limits(spec);
  return form(
    page,
    [
      field("Function", name), field("Executor type", type), field("Arguments", args, "a JSON list"),
      field("Named arguments", kwargs, "a JSON object"), field("Environment", env, "a JSON object of texts"), more.element,
    ],
    () => send(page, {
      ...spec, nodename: "", funcname: name.value.trim(), args: list(args.value, "Arguments"),
      kwargs: object(kwargs.value, "Named arguments"), env: object(env.value, "Environment"), ...more.value(),
      conditions: { ...c, dependencies: [], colonyname: page.colony, executortype: type.value.trim() },
    }),
  );
}

function workflow(page) {
  const text = area(json(EXAMPLE), 16);
  return form(page, [field("Workflow", text, "JSON, or the list of function specs alone; each node names those it waits for in dependencies")], async () => {
    const given = strictJson(text.value, "The workflow");
    const specs = Array.isArray(given) ? given : given?.functionspecs;
    if (!Array.isArray(specs) || !specs.every(isObject)) throw new Error("A workflow is a list of function specs, or an object that has one as functionspecs.");
    const functionspecs = specs.map((one) => ({ maxwaittime: -1, maxexectime: -1, ...one }));
    const graph = await page.change("submitworkflowspecmsg", { spec: { colonyname: page.colony, functionspecs } });
    page.go(`/workflow/${graph.processgraphid}`);
  });
}
