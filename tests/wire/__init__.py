"""Whole clients and hostile ones against a whole skerry."""
