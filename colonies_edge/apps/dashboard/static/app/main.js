// The page around the pages: who is there, where to go, and what has to be told.
import { Caller, Refused, Unreachable } from "./call.js";
import { fill, h } from "./dom.js";
import { ID, refreshTimes } from "./format.js";
import { Page } from "./page.js";
import { Session, fromFragment } from "./session.js";
import { ROUTES, routeOf } from "./routes.js";

const BANNER_MS = 2000; // a link that is back within this time is nobody's concern
const NOTICE_MS = 6000;
const AGAIN_MS = 3000; // until a page that could not be shown is tried again
const $ = (id) => document.getElementById(id);

class App {
  #page = null;
  #banner = 0;
  #began = false;
  #tops = new Map(); // how far down somebody was who left, by address

  constructor() {
    this.session = new Session();
    this.caller = new Caller(this.session);
    this.caller.onreach = (up) => this.linked(up);
    this.names = new Map();
  }

  async start() {
    this.takeKeys();
    if (!this.session.ready) this.session.restore();
    await this.lookAround();
    history.scrollRestoration = "manual"; // a browser does it before there is anything to scroll
    addEventListener("hashchange", (event) => {
      this.#tops.set(new URL(event.oldURL).hash, scrollY);
      this.takeKeys();
      this.route();
    });
    setInterval(() => document.hidden || refreshTimes(), 5000);
    this.#chrome();
    await this.route();
  }

  // Keys that came in the address: used, and gone from the address bar and its history at once.
  takeKeys() {
    const values = fromFragment(location.hash);
    if (!values) return;
    history.replaceState(null, "", `${location.pathname}#/`);
    try {
      this.session.use(values);
    } catch (error) {
      this.failed(error);
    }
    this.identified();
  }

  // Somebody without keys may look where the coordinator lets them: it decides, and takes no changes from them.
  async lookAround() {
    if (this.session.ready) return;
    const answer = await fetch("/dashboard/viewer", { credentials: "omit" }).catch(() => null);
    if (answer?.ok) this.session.look((await answer.json()).colonyname);
  }

  #chrome() {
    fill($("nav"), ROUTES.filter((one) => one.group).reduce((groups, one) => {
      if (one.heading) groups.push(h("h2", {}, one.group));
      groups.push(h("a", { href: `#${one.path}`, "data-path": one.path }, one.name));
      return groups;
    }, []));
    $("menu").addEventListener("click", () => this.menu(!document.body.classList.contains("menu")));
    $("theme").addEventListener("click", () => {
      const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
      document.documentElement.dataset.theme = dark ? "light" : "dark";
      try {
        localStorage.setItem("theme", document.documentElement.dataset.theme);
      } catch {
        // Then it is for this page only.
      }
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      $("main").focus();
    });
    $("find").addEventListener("submit", (event) => this.find(event));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.menu(false);
        this.hush();
      }
      if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) {
        event.preventDefault();
        $("find").firstElementChild.focus();
      }
    });
    this.identified();
  }

  menu(open) {
    document.body.classList.toggle("menu", open);
    $("menu").setAttribute("aria-expanded", String(open));
  }

  async find(event) {
    event.preventDefault();
    this.hush();
    const input = $("find").firstElementChild, id = input.value.trim().toLowerCase();
    if (!ID.test(id)) {
      this.tell("An id has 64 hexadecimal digits. Names are found with the filters of the lists.", "bad");
      return;
    }
    for (const [msgtype, key, path] of [["getprocessmsg", "processid", "process"], ["getprocessgraphmsg", "processgraphid", "workflow"]]) {
      try {
        await this.caller.call(msgtype, { [key]: id });
        input.value = "";
        location.hash = `#/${path}/${id}`;
        return;
      } catch (error) {
        if (!(error instanceof Refused)) {
          this.failed(error);
          return;
        }
      }
    }
    this.tell("No process or workflow that you may see has this id.", "bad");
  }

  identified() {
    $("colony").textContent = this.session.colony || "Colony";
    $("who").textContent = this.session.signer ? this.session.signer.identity.slice(0, 8) : this.session.readonly ? "read-only" : "Keys";
    this.names.clear();
  }

  // `again`: a page that could not be shown is tried once more. Nobody went anywhere, so nothing else moves.
  async route({ again = false } = {}) {
    const { route, params } = routeOf(location.hash, this.session.ready);
    const held = $("main").contains(document.activeElement), back = history.state !== null;
    this.#page?.leave();
    if (!again) this.menu(false);
    if (!back) history.replaceState({}, "");
    const page = (this.#page = new Page(this, $("main"), route.name, params));
    for (const one of $("nav").querySelectorAll("a")) {
      if (one.dataset.path === route.under) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    try {
      const view = await route.load().catch(() => {
        this.linked(false);
        throw new Unreachable();
      });
      await view.show(page);
    } catch (error) {
      if (page.open) page.show(page.heading(route.name), h("p.problem", {}, this.sentence(error)));
      this.failed(error, { quiet: true });
      if (error instanceof Unreachable) setTimeout(() => page.open && this.route({ again: true }), AGAIN_MS);
    }
    if (!page.open) return;
    // Where somebody went is told to those who do not see it; where a page begins, the keyboard stays at its top.
    // Who was faster, and is in the new page already, stays there.
    const faster = document.activeElement !== $("main") && $("main").contains(document.activeElement);
    if (this.#began && (held || !again) && !faster) document.querySelector("#main h1")?.focus({ preventScroll: true });
    if (back && !scrollY) scrollTo(0, this.#tops.get(location.hash) || 0);
    this.#began = true;
  }

  sentence(error) {
    if (error instanceof Refused && error.message.startsWith("Access denied")) return `${error.message} Look at the keys in use.`;
    return error.message;
  }

  // The link to the coordinator is there, or not.
  linked(up) {
    if (up) {
      clearTimeout(this.#banner);
      this.#banner = 0;
      $("banner").hidden = true;
      return;
    }
    this.#banner ||= setTimeout(() => {
      $("banner").textContent = "The coordinator cannot be reached. What is shown may be old; this page tries again by itself.";
      $("banner").hidden = false;
    }, BANNER_MS);
  }

  failed(error, { quiet = false } = {}) {
    if (error.name === "AbortError") return;
    if (quiet && (error instanceof Refused || error instanceof Unreachable)) return; // shown in its place, or by the banner
    this.tell(this.sentence(error), "bad");
  }

  tell(text, kind = "") {
    const bad = kind === "bad";
    const notice = h(`div.notice${kind ? `.${kind}` : ""}`, { role: bad ? "alert" : null }, h("span", {}, text));
    for (const one of $("notices").children) if (one.firstChild.textContent === notice.firstChild.textContent) one.remove();
    if (bad) notice.append(h("button.plain", { type: "button", "aria-label": "Close", onclick: () => notice.remove() }, "×"));
    else setTimeout(() => notice.remove(), NOTICE_MS);
    $("notices").append(notice);
  }

  // What went wrong was read, or something else is tried.
  hush() {
    for (const one of $("notices").querySelectorAll(".bad")) one.remove();
  }

  // Names of executors by identity, asked for once and then again when one is missing.
  async executorNames(page, missing = "") {
    if (!this.names.size || (missing && !this.names.has(missing))) {
      const executors = await page.call("getexecutorsmsg", { colonyname: this.session.colony });
      this.names = new Map(executors.map((one) => [one.executorid, one.executorname]));
      if (missing && !this.names.has(missing)) this.names.set(missing, ""); // gone: nobody needs to be asked again
    }
    return this.names;
  }
}

new App().start();
