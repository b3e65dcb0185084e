"""The daemon is killed at each point where it changes something outside of its memory; nothing is lost, and
nothing stays."""
