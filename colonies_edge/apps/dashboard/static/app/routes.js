// Which address shows which page.

function page(path, name, group, file, more = {}) {
  let query = ""; // another one after a failure, which some browsers remember for good
  const load = () => import(`./views/${file}.js${query}`).catch((error) => {
    query = `?${Date.now()}`;
    throw error;
  });
  return { path, name, group, under: path, load, ...more };
}

export const ROUTES = [
  page("/", "Overview", "Work", "overview", { heading: true }),
  page("/processes", "Processes", "Work", "processes"),
  page("/workflows", "Workflows", "Work", "workflows"),
  page("/submit", "Submit", "Work", "submit"),
  page("/crons", "Crons", "Schedules", "crons", { heading: true }),
  page("/generators", "Generators", "Schedules", "generators"),
  page("/executors", "Executors", "Machines", "executors", { heading: true }),
  page("/functions", "Functions", "Machines", "functions"),
  page("/locations", "Locations", "Machines", "locations"),
  page("/blueprints", "Blueprints", "Machines", "blueprints"),
  page("/files", "Files", "Data", "files", { heading: true }),
  page("/logs", "Logs", "Data", "logs"),
  page("/users", "Users", "Colony", "users", { heading: true }),
  page("/server", "Server", "Colony", "server"),
  page("/keys", "Keys", "Colony", "keys"),
  page("/process/", "Process", "", "process", { under: "/processes" }),
  page("/workflow/", "Workflow", "", "workflow", { under: "/workflows" }),
  page("/executor/", "Executor", "", "executor", { under: "/executors" }),
];

// What nobody can have encoded stands for itself.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// { route, params } of `#/process/ID?a=b`; without keys, of the page that asks for them.
export function routeOf(hash, ready) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const params = Object.fromEntries(new URLSearchParams(query));
  if (!ready) return { route: ROUTES.find((one) => one.path === "/keys"), params };
  const exact = ROUTES.find((one) => one.path === path);
  if (exact) return { route: exact, params };
  const longer = ROUTES.find((one) => one.path.endsWith("/") && one.path !== "/" && path.startsWith(one.path));
  if (longer) return { route: longer, params: { ...params, id: decoded(path.slice(longer.path.length)) } };
  return { route: ROUTES[0], params };
}
