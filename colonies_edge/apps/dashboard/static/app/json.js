// JSON both ways without a number changing on the way: JavaScript's own would round what a double cannot hold.

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g; // strings and numbers of a JSON text
const LONG = /^-?\d{16,}$/;

// A number as it was written, where JavaScript would write another: 12345678901234567891, 1.0, 1e3.
export class Exact {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

// Nobody can have written it before.
function newMark() {
  return `${crypto.getRandomValues(new Uint32Array(4)).join("-")}:`;
}

// To be shown: whole numbers of 16 and more digits become strings, which show all of them.
export function parse(text) {
  return JSON.parse(text.replace(TOKENS, (token) => (LONG.test(token) ? `"${token}"` : token)));
}

// To be sent on: numbers stay numbers, and as they are written.
export function exact(text) {
  JSON.parse(text); // so that what is wrong is said of this text, not of the marked one
  const mark = newMark();
  const marked = text.replace(TOKENS, (token) => (token.startsWith('"') || String(Number(token)) === token ? token : `"${mark}${token}"`));
  return JSON.parse(marked, (_, one) => (typeof one === "string" && one.startsWith(mark) ? new Exact(one.slice(mark.length)) : one));
}

// JSON of values that may contain a BigInt or an Exact, which are written as numbers.
export function stringify(value, space) {
  const mark = newMark();
  const isNumber = (one) => typeof one === "bigint" || one instanceof Exact;
  const text = JSON.stringify(value, (_, one) => (isNumber(one) ? mark + one : one), space);
  return text.replace(new RegExp(`"${mark}([^"]+)"`, "g"), "$1");
}
