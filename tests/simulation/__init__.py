"""Whole histories of a colony, each from one number: simulated time, network, disk and crashes, and the real engine."""
