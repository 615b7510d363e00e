// "Who am I": once at the start. The identity follows from the key; the rest of the flow finds both in the flow's context.
const key = env.get("COLONIES_PRVKEY");
const colony = env.get("COLONIES_COLONY_NAME");
if (!/^[0-9a-f]{64}$/i.test(key || "") || !colony) {
    node.error("set COLONIES_PRVKEY and COLONIES_COLONY_NAME in the environment of Node-RED", msg);
    return null;
}
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const publicKey = hex(curve.secp256k1.getPublicKey(key, false));
const identity = hex(sha3.sha3_256(Buffer.from(publicKey)));
const random = Buffer.from(curve.secp256k1.utils.randomPrivateKey()).toString("base64url");
const conn = random.slice(0, 12); // the name of this connection in topics
flow.set("colonies", {
    colony, conn, identity, key,
    serverid: (env.get("COLONIES_SERVER_ID") || "").toLowerCase(),
    offset: 0, // the coordinator's clock minus this one, as far as it is known
    calls: {}, // what waits for an answer, by msgid
});
node.log(`submits to ${colony} as ${identity}`);
node.status({ fill: "green", shape: "dot", text: identity.slice(0, 8) });
const own = `colonies/v1/${colony}/${identity}`;
return [["reply", "event"].map((channel) => ({ action: "subscribe", topic: `${own}/${channel}/${conn}`, qos: 1 }))];
