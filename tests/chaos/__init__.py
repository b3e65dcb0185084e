"""Faults by chance, two at a time, under load, while services are updated: `python -m tests.chaos`."""
