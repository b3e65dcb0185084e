"""The proof itself: what it counts, and its short form on a real engine."""
