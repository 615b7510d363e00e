// Calls to the coordinator: signed here, answered or failed with a sentence.
import { setClock } from "./format.js";
import { exact, parse, stringify } from "./json.js";

const RESENDS = [500, 1500, 3000];
const NO_SUCH = "There is no such";
const MISSING = /\b(process|graph|executor|cron|generator|user|location|blueprint) (?:is nil|not found)$/i; // in upstream's words
const NO_COLONY = /^Colony with name <(.*)> (?:does not exists|not found)$/;
const ROOM = 32768; // how many bytes at a time become characters: arguments of a function are limited

export class Refused extends Error {
  constructor(status, message, ts = 0) {
    super(message);
    this.status = status;
    this.ts = ts;
  }

  // What was asked about is not there, or not any more.
  get gone() {
    return this.message.startsWith(NO_SUCH);
  }
}

export class Unreachable extends Error {
  constructor() {
    super("The coordinator cannot be reached.");
  }
}

export function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += ROOM) text += String.fromCharCode(...bytes.subarray(at, at + ROOM));
  return btoa(text);
}

export function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function newMsgid() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");
}

export function decoded(envelope, read = parse) {
  return read(new TextDecoder().decode(bytesOf(envelope.payload || "")));
}

export class Caller {
  constructor(session) {
    this.session = session;
    this.offset = 0;
    this.onreach = () => {};
  }

  // A signed request: a message, who signs it, and a msgid that is the same for every resend.
  envelope(msgtype, fields, signer, msgid, serverid = this.session.serverid) {
    const stamp = { msgid, ts: Date.now() + this.offset };
    if (serverid) stamp.serverid = serverid;
    const payload = base64(new TextEncoder().encode(stringify({ msgtype, ...fields, ...stamp })));
    return { payloadtype: msgtype, payload, signature: signer ? signer.sign(payload) : "" };
  }

  // The reply's value; with `precise` its numbers can be sent back as they came. Throws Refused or Unreachable.
  async call(msgtype, fields = {}, { signer = this.session.signer, serverid, resend = false, signal, precise = false } = {}) {
    const msgid = newMsgid();
    let skewed = false;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(this.envelope(msgtype, fields, signer, msgid, serverid), signal, precise);
      } catch (error) {
        if (error instanceof Refused && error.status === 425 && error.ts && !skewed) {
          skewed = true;
          this.offset = error.ts - Date.now();
          setClock(this.offset);
        } else if (!(error instanceof Unreachable && resend && attempt < RESENDS.length)) {
          throw error;
        } else {
          // Safe for changes too: the coordinator knows the msgid and answers as it did the first time.
          await new Promise((resolve) => setTimeout(resolve, RESENDS[attempt]));
        }
      }
    }
  }

  async #once(envelope, signal, precise) {
    let reply;
    try {
      const response = await fetch("/api", {
        method: "POST",
        body: JSON.stringify(envelope),
        signal,
        credentials: "omit",
        cache: "no-store",
      });
      reply = await response.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      this.onreach(false);
      throw new Unreachable();
    }
    this.onreach(true);
    const value = decoded(reply, precise && !reply.error ? exact : parse);
    if (reply.error) throw new Refused(value.status, sentence(value.message), Number(value.ts || 0));
    return value;
  }
}

// What the coordinator says, as people say it.
export function sentence(text) {
  const whole = String(text || "The coordinator refused this and said no reason").trim();
  const thing = whole.match(MISSING)?.[1].toLowerCase();
  if (thing) return `${NO_SUCH} ${thing === "graph" ? "workflow" : thing}.`;
  if (NO_COLONY.test(whole)) return whole.replace(NO_COLONY, "There is no colony “$1”.");
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
