// "Read": what the coordinator said. Out of the first come processes that have ended, out of the second messages that are
// to be signed (wait for a process, repeat with the right time), out of the third refusals.
const colonies = flow.get("colonies");
const reply = typeof msg.payload === "string" ? JSON.parse(msg.payload) : msg.payload;

// The broker is not trusted: what the coordinator did not sign, for this topic, is nothing.
const topic = msg.topic.slice(msg.topic.indexOf("v1/"));
const text = [reply.payloadtype, reply.msgid, reply.ts, reply.error ? 1 : 0, topic, reply.payload].join("\n");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
let signer = "";
try {
    const recovery = parseInt(reply.signature.slice(128), 16);
    const signature = curve.secp256k1.Signature.fromCompact(reply.signature.slice(0, 128)).addRecoveryBit(recovery);
    const publicKey = signature.recoverPublicKey(sha3.sha3_256(Buffer.from(text))).toHex(false);
    signer = hex(sha3.sha3_256(Buffer.from(publicKey)));
} catch (error) {
    signer = "";
}
if (!signer || (colonies.serverid && signer !== colonies.serverid)) {
    node.warn("a message that the coordinator did not sign was dropped");
    return null;
}

const value = JSON.parse(Buffer.from(reply.payload, "base64").toString());
const asked = colonies.calls[reply.msgid];
delete colonies.calls[reply.msgid];
if (reply.error) {
    if (value.status === 425 && asked) { // our clock is wrong: keep the difference, and say the same again
        colonies.offset = reply.ts - Date.now();
        return [null, { payload: asked, msgid: reply.msgid }, null];
    }
    return [null, null, { topic: "refused", payload: value }];
}
if (reply.payloadtype === "submitfuncspecmsg") {
    const end = { colonyname: colonies.colony, processid: value.processid, state: 2, states: [2, 3, 4], timeout: 3600 };
    return [null, { payload: { msgtype: "subscribeprocessmsg", ...end } }, null];
}
if (topic.includes("/event/")) {
    const state = ["waiting", "running", "successful", "failed", "cancelled"][value.state];
    return [{ topic: state, processid: value.processid, payload: value.out, errors: value.errors }, null, null];
}
return null;
