"""What clients and a genuine Swarm said to each other, kept as data and asked of skerry again."""
