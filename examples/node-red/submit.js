// "What to run": any function spec; here the payload of whatever started it is the argument.
msg.payload = {
    msgtype: "submitfuncspecmsg",
    spec: {
        funcname: "echo",
        args: [String(msg.payload)],
        maxexectime: 60,
        maxwaittime: -1,
        maxretries: 3,
        conditions: { colonyname: env.get("COLONIES_COLONY_NAME"), executortype: "cli" },
    },
};
return msg;
