"""The Prometheus exporter: asks the coordinator for its counters and shows them to whoever scrapes."""
