"""skerry: everything of Docker Swarm mode for one server, and an update that nobody notices."""

__version__ = "0.1.0"
