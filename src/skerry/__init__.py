"""skerry: all of Docker Swarm mode on one server, and an update that nobody notices."""

__version__ = "0.1.0"
