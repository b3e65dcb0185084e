"""The story and what surrounds it, on a real engine."""
