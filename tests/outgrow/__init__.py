"""Moving from skerry to a real Swarm cluster: three dockerd in namespaces, and what is checked there."""
