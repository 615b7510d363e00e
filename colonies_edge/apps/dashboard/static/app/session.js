// Who uses this page: keys in memory, in the tab's session storage if that was asked for, nowhere else.
import { Signer } from "./identity.js";

const STORED = "colonies-edge";
const NAMES = {
  COLONIES_PRVKEY: "key", COLONIES_COLONY_PRVKEY: "owner", COLONIES_COLONY_NAME: "colony", COLONIES_SERVER_ID: "server",
};

export class Session {
  #values = {};
  signer = null;
  owner = null;
  colony = "";
  serverid = "";
  readonly = false;

  forget() {
    this.#values = {};
    Object.assign(this, { signer: null, owner: null, colony: "", serverid: "", readonly: false });
    try {
      sessionStorage.removeItem(STORED);
    } catch {
      // Nothing was kept.
    }
  }

  get ready() {
    return Boolean(this.colony && (this.signer || this.readonly));
  }

  // Without a key: what the coordinator shows of this colony on its own machine.
  look(colony) {
    Object.assign(this, { colony, readonly: Boolean(colony) });
  }

  get remembered() {
    try {
      return sessionStorage.getItem(STORED) !== null;
    } catch {
      return false;
    }
  }

  // These texts with what is in use for what they leave out, if they bring no key of somebody else.
  added(values) {
    const given = Object.entries(values).filter(([, value]) => value);
    return values.key ? values : { ...this.#values, ...Object.fromEntries(given) };
  }

  // { key, owner, colony, server } as texts. Throws InvalidKey and leaves everything as it was.
  use(values, { remember = false } = {}) {
    const signer = values.key ? new Signer(values.key) : null;
    const owner = values.owner ? new Signer(values.owner) : null;
    this.forget();
    this.#values = { ...values };
    Object.assign(this, { signer, owner, colony: values.colony || "", serverid: values.server || "" });
    if (remember) {
      try {
        sessionStorage.setItem(STORED, JSON.stringify(values));
      } catch {
        // Then it is for this page only.
      }
    }
  }

  // What a former page of this tab was asked to remember.
  restore() {
    try {
      const stored = sessionStorage.getItem(STORED);
      if (stored) this.use(JSON.parse(stored), { remember: true });
    } catch {
      this.forget();
    }
  }
}

// `#key=…&colony=…`, as `dev` prints it. A fragment is never sent to a server, and is taken out of the address bar.
export function fromFragment(fragment) {
  const values = new URLSearchParams(fragment.replace(/^#/, ""));
  if (!values.has("key")) return null;
  return Object.fromEntries(["key", "owner", "colony", "server"].map((name) => [name, values.get(name) || ""]));
}

// The keys in a devenv (`export COLONIES_PRVKEY="…"`), or a file with nothing but a key.
export function fromFile(text) {
  const values = {};
  for (const [, name, value] of text.matchAll(/^\s*(?:export\s+)?([A-Z_]+)=["']?([^"'\n]*)["']?\s*$/gm)) {
    if (name in NAMES) values[NAMES[name]] = value.trim();
  }
  if (!Object.keys(values).length && /^[0-9a-f]{64}$/i.test(text.trim())) values.key = text.trim();
  return values;
}
