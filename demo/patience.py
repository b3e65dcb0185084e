"""How long to wait: bounds are for a machine at rest, and a busy one is given more, everywhere the same."""

from __future__ import annotations

PATIENCE = 4.0
"""So many times what a machine at rest needs at worst. A bound only ends what hangs; it measures nothing."""
