"""How it travels: MQTT, the embedded broker and the loopback; the only readers of time and entropy."""
