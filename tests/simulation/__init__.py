"""Whole histories of a colony from one number each: simulated time, network, disk and crashes around the real engine."""
