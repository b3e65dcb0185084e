"""Decisions: pure and synchronous functions from a view and an instant to a plan."""
