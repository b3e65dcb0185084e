"""The wire: the Docker Engine API, in part our own, in part the engine's, in part both."""
