"""The simulator: skerry's own shells on virtual time, random users and faults, and what must always hold."""
