"""The gate: a process of its own that answers names, reserves ports and holds connections."""
