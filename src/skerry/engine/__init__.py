"""The Docker Engine as a port, its HTTP client and its streams. Nothing else speaks HTTP to it."""
