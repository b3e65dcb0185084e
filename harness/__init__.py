"""Whole skerry instances in network namespaces of their own, for tests on a real engine."""
