"""`skerry backup` and `skerry restore`."""
