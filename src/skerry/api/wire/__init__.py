"""Objects of the store as the Docker Engine API writes them.

Times come in as nanoseconds since the epoch and leave as RFC 3339; durations stay integer nanoseconds.
Which fields are left out, null or empty follows what a genuine Swarm answers.
"""
