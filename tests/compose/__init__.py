"""A compose file becomes a stack: every key, and what is refused."""
