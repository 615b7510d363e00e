"""What is said: objects, messages, envelopes and topics of Colonies; no I/O."""
