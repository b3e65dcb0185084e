"""Imported first in the processes that stay: what libraries load and nobody there uses stays out."""
