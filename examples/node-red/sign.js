// "Sign": msg.payload is a message of Colonies, like {msgtype: "submitfuncspecmsg", spec: {...}}; out comes what the
// broker is given. The same msgid sent twice has one effect: give msg.msgid to repeat a call.
const colonies = flow.get("colonies");
if (!colonies) {
    node.error("nobody has started this flow: deploy it again", msg);
    return null;
}
const random = () => Buffer.from(curve.secp256k1.utils.randomPrivateKey()).toString("base64url").slice(0, 22);
const msgid = msg.msgid || random();
const message = { ...msg.payload, msgid, ts: Date.now() + colonies.offset, serverid: colonies.serverid };
const payload = Buffer.from(JSON.stringify(message)).toString("base64");
const signed = curve.secp256k1.sign(sha3.sha3_256(Buffer.from(payload)), colonies.key, { lowS: true });
const signature = signed.toCompactHex() + signed.recovery.toString(16).padStart(2, "0");
colonies.calls[msgid] = msg.payload;
return {
    topic: `colonies/v1/${colonies.colony}/${colonies.identity}/request/${colonies.conn}`,
    qos: 1,
    retain: false, // work is never retained: it would be done again at every start
    payload: JSON.stringify({ payloadtype: message.msgtype, payload, signature }),
};
