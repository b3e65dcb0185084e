"""skerry beside a genuine Docker Swarm, in one run: `python -m bench.peer`."""
