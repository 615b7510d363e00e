// Identities and signatures of Colonies: secp256k1 with recovery over SHA3-256, with the nonces of RFC 6979.
import { hmac } from "../vendor/noble-hashes/hmac.js";
import { sha256 } from "../vendor/noble-hashes/sha2.js";
import { sha3_256 } from "../vendor/noble-hashes/sha3.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "../vendor/noble-hashes/utils.js";
import * as secp256k1 from "../vendor/noble-secp256k1/index.js";

// The synchronous functions: the browser's own cryptography exists only on https and localhost, not on a Pi at home.
secp256k1.hashes.sha256 = sha256;
secp256k1.hashes.hmacSha256 = (key, message) => hmac(sha256, key, message);

export const KEY = /^[0-9a-f]{64}$/i;

export class InvalidKey extends Error {}

// A private key that can sign; its text is not kept where a look at the object would show it.
export class Signer {
  #secret;

  constructor(privateKey) {
    const text = String(privateKey).trim();
    if (!KEY.test(text)) throw new InvalidKey("A private key is 64 hexadecimal digits.");
    this.#secret = hexToBytes(text.toLowerCase());
    try {
      const publicKey = bytesToHex(secp256k1.getPublicKey(this.#secret, false));
      this.identity = bytesToHex(sha3_256(utf8ToBytes(publicKey)));
    } catch {
      throw new InvalidKey("This is no private key: its value is zero or too large.");
    }
  }

  // The signature of a text: r, s and the number that tells which of the possible public keys it is, in hex.
  sign(text) {
    const digest = sha3_256(utf8ToBytes(text));
    const [recovery, ...rs] = secp256k1.sign(digest, this.#secret, { prehash: false, format: "recovered" });
    return bytesToHex(Uint8Array.from([...rs, recovery]));
  }
}

export function sha3(text) {
  return bytesToHex(sha3_256(utf8ToBytes(text)));
}

export function sha256hex(bytes) {
  return bytesToHex(sha256(bytes));
}
