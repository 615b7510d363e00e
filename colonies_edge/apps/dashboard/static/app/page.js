// One page while it is shown: its calls, its subscriptions and its timers, all of which end when it is left.
import { fill, h } from "./dom.js";
import { Live } from "./live.js";

// What stands behind the #: a path and what is chosen there.
export function address(path, params) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== "" && value !== undefined)).toString();
  return query ? `${path}?${query}` : path;
}

export class Page {
  #timers = [];
  #abort = new AbortController();
  #live = null;
  #all = [];

  #shown = false;

  constructor(app, root, name, params) {
    Object.assign(this, { app, root, name, params });
    this.session = app.session;
    this.visibility = () => document.hidden || this.#overdue();
    document.addEventListener("visibilitychange", this.visibility);
  }

  get open() {
    return !this.#abort.signal.aborted;
  }

  get colony() {
    return this.session.colony;
  }

  // Ask. A page that was left hears nothing any more: its calls fail with AbortError, which nobody shows.
  call(msgtype, fields = {}, options = {}) {
    return this.app.caller.call(msgtype, fields, { signal: this.#abort.signal, ...options });
  }

  // Change something: sent again if the answer is lost, and finished even if the page is left meanwhile.
  change(msgtype, fields = {}, signer = undefined) {
    if (this.session.readonly) throw new Error("Without a key this page only shows. Give yours on the page Keys.");
    return this.app.caller.call(msgtype, fields, { resend: true, ...(signer ? { signer } : {}) });
  }

  // The same as the colony's owner, who has a key of its own.
  asOwner(msgtype, fields = {}) {
    return this.change(msgtype, fields, this.session.owner);
  }

  // A page that has `resting(yes)` is told when there are too many news to follow; it is refreshed every few seconds then.
  subscribe(msgtype, fields, handler) {
    const resume = () => this.reread().catch((error) => this.app.failed(error, { quiet: true }));
    this.#live ??= this.#listen(resume, this.resting);
    return this.#live.subscribe(msgtype, { colonyname: this.colony, ...fields }, (value, kind) => this.open && handler(value, kind));
  }

  // On a connection of its own, for events that do not say to which subscription they belong.
  subscribeAlone(msgtype, fields, handler) {
    return this.#listen(() => {}).subscribe(msgtype, fields, (value, kind) => this.open && handler(value, kind));
  }

  #listen(onresume, onrest) {
    const live = new Live(this.app.caller, { onstate: (up) => this.app.linked(up), onresume, onrest });
    this.#all.push(live);
    return live;
  }

  // Once more. A page about one thing that was removed meanwhile says so and is over.
  async reread() {
    if (!this.open) return;
    try {
      await this.refresh?.();
    } catch (error) {
      if (!error.gone || !this.params.id) throw error;
      this.show(this.heading(this.name), h("p.problem", {}, `This ${this.name.toLowerCase()} was removed.`));
      this.leave();
    }
  }

  // After the subscriptions: what is read from now on misses nothing that they tell.
  watching() {
    return this.#live ? this.#live.started() : Promise.resolve();
  }

  // Do it every so many seconds, but only while somebody looks; a round that fails is told and tried again.
  every(seconds, task) {
    const one = { seconds, task, at: Date.now(), timer: 0, busy: false };
    this.#timers.push(one);
    one.timer = setInterval(() => document.hidden || this.#run(one), seconds * 1000);
  }

  #overdue() {
    for (const one of this.#timers) if (Date.now() - one.at > one.seconds * 1000) this.#run(one);
  }

  async #run(one) {
    if (one.busy || !this.open) return;
    one.busy = true;
    one.at = Date.now();
    try {
      await one.task();
    } catch (error) {
      this.app.failed(error, { quiet: true });
    }
    one.busy = false;
  }

  // `state` is a badge beside the title, or null.
  heading(text, state = null, ...actions) {
    document.title = `${text} · ${this.colony || "Colony"}`;
    return h("div.heading", h("h1", { tabindex: "-1" }, text), state, h("div.actions", {}, ...actions));
  }

  show(...content) {
    if (!this.open) return;
    fill(this.root, ...content);
    if (!this.#shown) scrollTo(0, 0); // as in a document of its own
    this.#shown = true;
  }

  go(hash) {
    location.hash = hash;
  }

  // Another address for the same page, so that what is chosen can be linked to and survives a reload.
  remember(path, params) {
    history.replaceState(history.state, "", `${location.pathname}#${address(path, params)}`);
  }

  leave() {
    this.#abort.abort();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // the answer is no
    for (const live of this.#all) live.close();
    for (const one of this.#timers) clearInterval(one.timer);
    document.removeEventListener("visibilitychange", this.visibility);
  }
}
