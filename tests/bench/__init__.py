"""The benchmark itself: what it asks and writes, and its short form on real engines."""
