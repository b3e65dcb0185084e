"""Every default in one place. Durations in nanoseconds. Source: swarmkit `api/defaults`, SWARM semantics."""

from __future__ import annotations

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
HOUR = 3600 * SECOND

RESTART_CONDITION = "any"
RESTART_DELAY = 5 * SECOND
PARALLELISM = 1
"""Of an update for which nothing is configured; where something is, 0 is none: all at once."""
FAILURE_ACTION = "pause"
MONITOR = 5 * SECOND
UPDATE_ORDER = "stop-first"
STOP_GRACE_PERIOD = 10 * SECOND
TASK_HISTORY = 5
"""Tasks kept for each slot, the live one included."""
TASK_HISTORY_MOST = 1_000
"""So many tasks are kept at most, of a slot as of the completed ones of a job, whatever is asked for."""

UPDATE_DEADLINE = 600 * SECOND
"""How long a task of an update may take to get ready."""

RESTART_MAX_DELAY = 60 * SECOND
"""How far the pause between the tries of a crash loop grows."""

SETTLING = 5 * SECOND
"""How long the rest of a deployment by several calls is waited for, once a config or secret of it has another
content."""

HISTORY_KEPT = 10
"""Revisions kept for each service, and releases for each stack."""
HISTORY_MOST = 100
"""So many at most, whatever is asked for: each may hold an image."""

NOTES_KEPT = 20
"""Decisions kept for each service."""

PREDECESSOR_WAIT = 60 * SECOND
"""How long a stop-first successor waits for its predecessor to stop before it starts all the same."""

HEALTH_INTERVAL = 30 * SECOND
HEALTH_TIMEOUT = 30 * SECOND
HEALTH_RETRIES = 3

ADDRESS_POOLS = ("10.0.0.0/8",)
SUBNET_SIZE = 24
"""Where overlay networks get their subnets from, and how long the prefix of one is."""

MANAGER_PORT = 2377
DATA_PATH_PORT = 4789

PORT_RANGE = range(30000, 32768)
"""From which the allocator chooses published ports."""

HOST_PORT_RANGE = range(32768, 61000)
"""From which a task has its own number for a port of host mode: where engines look, as the kernel has it."""

AFTERLIFE = 600 * SECOND
"""How long the address of a task that is gone still leads to its service."""

READY_TIMEOUT = 10 * SECOND
"""How long a task without a health check may take to listen before it counts as running all the same."""

HOLD_TIMEOUT = 30 * SECOND
"""How long the gate keeps a connection for which nothing is ready."""

DRAIN_TIMEOUT = 10 * SECOND
"""How long a task that left the table may take to answer what is in flight."""

DRAIN_QUIET = 1 * SECOND
"""How long both sides of a connection must have been silent before an answer counts as complete."""

NAME_WAIT = 3 * SECOND
"""How long a name that a stack under deployment asks for may take to appear."""

DEPLOY_WINDOW = 10 * SECOND
"""How long after the last change to one of its services a stack counts as under deployment."""
