// News by websocket: subscriptions of one page, asked for again after every reconnect, silent while nobody looks.
import { decoded, newMsgid } from "./call.js";

const SUBSCRIBE_S = 3600;
const RENEW_MS = SUBSCRIBE_S * 900; // before it ends
const HIDDEN_MS = 30000;
const FIRST_MS = 500, LONGEST_MS = 30000;
const PATIENCE_MS = 1000;
// More than a person can follow, and each is a frame that the coordinator writes to every page that is open. So many
// within so long, and the page reads what it shows every few seconds instead; whether it became calm is tried ever later.
const MANY = 30, WITHIN_MS = 3000, READ_MS = 4000;
const REST_MS = 8000, LONGEST_REST_MS = 64000;
const EVENTS = ["subscribeprocessmsg", "subscribeprocessgraphmsg", "subscribechannelmsg"];

export class Live {
  #wanted = [];
  #socket = null;
  #retry = 0;
  #failures = 0;
  #hidden = 0;
  #renew = 0;
  #closed = false;
  #pending = []; // msgids of what was asked on this socket and not confirmed yet, in order
  #started;
  #late = false;
  #told = { count: 0, since: 0 };
  #rest = { ms: REST_MS, ended: 0, reading: 0, end: 0 };

  // onstate(true | false): the link is there, or not. onresume(): news were missed, and come from now on.
  // onrest(true | false), of a page that can do without news: they are too many, or come again.
  constructor(caller, { onstate = () => {}, onresume = () => {}, onrest = null } = {}) {
    this.caller = caller;
    this.onstate = onstate;
    this.onresume = onresume;
    this.onrest = onrest;
    this.confirmed = new Promise((resolve) => (this.#started = resolve));
    this.visibility = () => this.#visible();
    document.addEventListener("visibilitychange", this.visibility);
  }

  // Hear of events of this kind until `close`. handler(value, payloadtype). What comes back may be given other `fields`,
  // which are asked for after the next interruption.
  subscribe(msgtype, fields, handler) {
    const one = { msgtype, fields: { ...fields, timeout: SUBSCRIBE_S }, handler };
    this.#wanted.push(one);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask(one);
    else if (!this.#socket && !this.#retry) this.#open();
    return one;
  }

  // Resolves when no news will be missed from now on, or when that takes so long that the page better shows something.
  started() {
    if (!this.#started) return Promise.resolve();
    const timeout = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)).then(() => (this.#late = Boolean(this.#started)));
    return Promise.race([this.confirmed, timeout]);
  }

  close() {
    this.#closed = true;
    document.removeEventListener("visibilitychange", this.visibility);
    this.#stop();
  }

  #stop() {
    this.#wake();
    clearTimeout(this.#retry);
    clearTimeout(this.#hidden);
    clearInterval(this.#renew);
    this.#retry = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000); // earlier is an error
    else socket.close(1000);
  }

  #many() {
    const now = Date.now();
    if (now - this.#told.since > WITHIN_MS) this.#told = { count: 0, since: now };
    this.#told.count += 1;
    return this.#told.count > MANY;
  }

  #restAWhile() {
    this.#stop();
    if (document.hidden) return; // until somebody looks
    const rest = this.#rest;
    rest.ms = Date.now() - rest.ended < WITHIN_MS * 2 ? Math.min(LONGEST_REST_MS, rest.ms * 2) : REST_MS;
    rest.reading = setInterval(() => document.hidden || this.onresume(), READ_MS);
    rest.end = setTimeout(() => this.#open(), rest.ms);
    this.onrest(true);
  }

  #wake() {
    const rest = this.#rest;
    if (!rest.end) return;
    clearTimeout(rest.end);
    clearInterval(rest.reading);
    Object.assign(rest, { end: 0, reading: 0, ended: Date.now() });
    this.#told = { count: 0, since: 0 };
    if (!this.#closed) this.onrest(false);
  }

  #open() {
    this.#wake();
    clearTimeout(this.#retry);
    this.#retry = 0;
    if (this.#closed || !this.#wanted.length) return;
    let socket;
    try {
      socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/pubsub`);
    } catch {
      return; // old WebKit takes ws: for another origin than http:, which the policy forbids: pages show, but do not follow
    }
    this.#socket = socket;
    this.#pending = [];
    socket.onopen = () => {
      this.#failures = 0;
      for (const one of this.#wanted) this.#ask(one);
      clearInterval(this.#renew);
      this.#renew = setInterval(() => this.#wanted.forEach((one) => this.#ask(one)), RENEW_MS);
      this.onstate(true);
    };
    socket.onmessage = (event) => this.#heard(JSON.parse(event.data));
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#later();
    };
  }

  #later() {
    if (this.#closed || document.hidden) return;
    this.onstate(false);
    const wait = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#open(), wait);
  }

  #ask({ msgtype, fields }) {
    const msgid = newMsgid();
    this.#pending.push(msgid);
    this.#socket.send(JSON.stringify(this.caller.envelope(msgtype, { ...fields, confirm: true }, this.caller.session.signer, msgid)));
  }

  // Answers come in the order of the questions, and a refusal does not say to which it belongs.
  #answered(msgid) {
    this.#pending = this.#pending.filter((one, index) => (msgid ? one !== msgid : index > 0));
    if (this.#pending.length) return;
    if (!this.#started || this.#late) this.onresume();
    this.#started?.();
    this.#started = null;
    this.#late = false;
  }

  #heard(envelope) {
    const value = decoded(envelope);
    if (envelope.error) {
      if (value.status === 425 && value.ts) {
        this.caller.offset = Number(value.ts) - Date.now();
        this.#socket?.close(); // and ask again with the right time
      }
      for (const one of this.#wanted) one.handler(value, "error");
      this.#answered("");
      return;
    }
    if (this.#pending.includes(value?.msgid)) {
      this.#answered(value.msgid);
      return;
    }
    if (!EVENTS.includes(envelope.payloadtype)) return;
    for (const one of this.#wanted) {
      const kind = one.msgtype === "subscribeprocessesmsg" ? "subscribeprocessmsg" : one.msgtype;
      if (kind === envelope.payloadtype) one.handler(value, kind);
    }
    if (this.onrest && this.#many()) this.#restAWhile();
  }

  #visible() {
    clearTimeout(this.#hidden);
    if (document.hidden) {
      this.#hidden = setTimeout(() => this.#stop(), HIDDEN_MS);
    } else if (!this.#socket && !this.#closed) {
      this.#failures = 0;
      this.#open();
    }
  }
}
