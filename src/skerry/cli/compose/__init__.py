"""A compose file, read by Compose itself, as what a swarm is asked for."""
