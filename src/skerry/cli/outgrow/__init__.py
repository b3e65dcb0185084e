"""Export of a stack and its move to a real Swarm cluster; a client of the Docker API and nothing else."""
