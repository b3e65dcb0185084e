"""Stacks on a real engine."""
