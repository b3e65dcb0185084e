"""Thin async shells around the core: they wait, ask it, and write what it decided."""
