// A log as it is written: what is new is added at its end, which stays in view for who is there.
import { append, h } from "./dom.js";
import { absolute } from "./format.js";
import { empty, section } from "./parts.js";

const COUNT = 500;
const ROWS_MAX = 10000; // as many as a process may have

export class Log {
  #since = 0n;
  #rows = 0;
  #busy = null;

  // `of`: whose, as getlogsmsg takes it. `latest`: only so many of the last lines, with their days; 0 for all.
  constructor(page, title, of, latest = 0) {
    Object.assign(this, { page, of, latest });
    this.text = h("pre.log", { tabindex: "0", role: "log", "aria-label": title });
    this.none = empty("No lines yet.");
    this.element = section(title, this.none, this.text);
    this.text.hidden = true;
  }

  // What was written since the last look; one look at a time.
  more() {
    this.#busy ??= this.#read().finally(() => (this.#busy = null));
    return this.#busy;
  }

  // Nothing will be written any more.
  ended() {
    this.none.textContent = "It wrote no lines.";
  }

  async #read() {
    const first = this.latest && !this.#rows;
    let entries;
    do {
      const wanted = first ? { count: this.latest, latest: true } : { count: COUNT, since: this.#since };
      entries = await this.page.call("getlogsmsg", { colonyname: this.page.colony, ...this.of, ...wanted });
      this.#add(entries);
    } while (!first && entries.length === COUNT && this.#rows < ROWS_MAX);
  }

  #add(entries) {
    if (!entries.length) return;
    this.#since = BigInt(entries.at(-1).timestamp);
    this.#rows += entries.length;
    this.none.hidden = true;
    this.text.hidden = false;
    const below = this.text.scrollTop + this.text.clientHeight >= this.text.scrollHeight - 4;
    for (const { timestamp, message } of entries) {
      const at = absolute(Number(BigInt(timestamp) / 1000000n));
      append(this.text, [h("span.at", {}, this.latest ? at : at.slice(11)), " ", message.endsWith("\n") ? message : `${message}\n`]);
    }
    while (this.text.childNodes.length > ROWS_MAX * 3) this.text.firstChild.remove();
    if (below) this.text.scrollTop = this.text.scrollHeight;
  }
}
