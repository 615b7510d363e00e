"""The programs: coordinator, executor and command line."""
