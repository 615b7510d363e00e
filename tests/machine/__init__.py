"""Tests that need a machine of their own: a real systemd as process 1, or an emulated processor."""
