"""Installing this program as a service of a machine, upgrading it with a way back, and taking it away again."""
