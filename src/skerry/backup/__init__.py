"""Backups: what is taken from a running skerry, and what is made of it on an empty machine."""
