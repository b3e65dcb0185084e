"""Runs tasks: one actor for each, one engine operation a step; writes what it observed to the store."""
