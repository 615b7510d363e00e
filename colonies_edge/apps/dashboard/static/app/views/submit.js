// Submitting: a function that executors registered, with a field for each argument; any other; or a whole workflow.
import { fill, h } from "../dom.js";
import { json } from "../format.js";
import { act, choice, field, select } from "../parts.js";

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
  const place = h("div", {});
  const modes = {
    function: () => registered(page, functions, page.params),
    other: () => free(page, draft),
    workflow: () => workflow(page),
  };
  const first = draft || !functions.length ? "other" : "function";
  const pick = (mode) => fill(place, modes[mode]());
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
  const button = h("button.primary", { type: "submit" }, "Submit");
  const submit = (event) => {
    event.preventDefault();
    act(page, button, () => spec());
  };
  return h("form.card.submit", { onsubmit: submit }, content, h("div.actions", button));
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

// `*rest` collects more positional arguments, `**options` more named ones.
function argumentsOf(args) {
  const kwargs = {};
  let list = [];
  for (const { name, value } of args) {
    const given = value();
    if (given === undefined) continue;
    if (name.startsWith("**")) Object.assign(kwargs, given);
    else if (name.startsWith("*")) list = Array.isArray(given) ? given : [given];
    else kwargs[name] = given;
  }
  if (!list.length) return { args: [], kwargs };
  return { args: [...Object.values(kwargs), ...list], kwargs: {} };
}

function argument({ name, type = "any", description = "", required = false, enum: allowed = [] }) {
  const kind = allowed.length ? "enum" : name.startsWith("**") ? "object" : name.startsWith("*") ? "list" : type;
  const control = controlOf(kind, allowed, required);
  const hint = [type, required ? "required" : "", description].filter(Boolean).join(", ");
  if (required && kind !== "bool") control.required = true;
  return { name, element: field(name, control, hint), value: () => valueOf(kind, control, name, type) };
}

function controlOf(kind, allowed, required) {
  if (kind === "enum") return select([...(required ? [] : [["", ""]]), ...allowed.map((one) => [one, one])]);
  if (kind === "bool") return select([["", required ? "no" : "as usual"], ["true", "yes"], ...(required ? [] : [["false", "no"]])]);
  if (kind === "int") return h("input", { type: "number", step: 1 });
  if (["float", "number"].includes(kind)) return h("input", { type: "number", step: "any" });
  if (["list", "object", "any"].includes(kind)) return h("textarea", { rows: 2, spellcheck: "false", placeholder: kind === "list" ? '["JSON", 1]' : kind === "object" ? '{"JSON": 1}' : "text or JSON" });
  return h("input", { spellcheck: "false" });
}

function valueOf(kind, control, name, type) {
  const text = control.value;
  if (kind === "bool") return text === "" ? (control.options[0].textContent === "no" ? false : undefined) : text === "true";
  if (text === "") return undefined;
  if (["int", "float", "number"].includes(kind) || (kind === "enum" && type === "int")) return Number(text);
  if (kind === "any") return looseJson(text);
  return ["list", "object"].includes(kind) ? strictJson(text, name) : text;
}

function looseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function strictJson(text, name, fallback) {
  if (!text.trim() && fallback !== undefined) return fallback;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
}

function area(value, rows) {
  return h("textarea", { rows, spellcheck: "false" }, value);
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
      ...spec, nodename: "", funcname: name.value.trim(), args: strictJson(args.value, "Arguments", []),
      kwargs: strictJson(kwargs.value, "Named arguments", {}), env: strictJson(env.value, "Environment", {}), ...more.value(),
      conditions: { ...c, dependencies: [], colonyname: page.colony, executortype: type.value.trim() },
    }),
  );
}

function workflow(page) {
  const text = area(json(EXAMPLE), 16);
  return form(page, [field("Workflow", text, "JSON, or the list of function specs alone; each node names those it waits for in dependencies")], async () => {
    const given = strictJson(text.value, "The workflow");
    const functionspecs = (Array.isArray(given) ? given : given.functionspecs || []).map((one) => ({ maxwaittime: -1, maxexectime: -1, ...one }));
    const graph = await page.change("submitworkflowspecmsg", { spec: { colonyname: page.colony, functionspecs } });
    page.go(`/workflow/${graph.processgraphid}`);
  });
}
