"""Faults under load: `python -m tests.cases.faults`. What a fault breaks comes back by itself, and no request
fails but those that were in a container which the fault itself took away."""
