"""Values: what a swarm is made of. Pure: no clock, no I/O, no randomness."""
