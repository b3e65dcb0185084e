"""The `skerry` command: a client of the API and the starter of the daemon, nothing else."""
