"""What an API call means: validation, and the one transaction that carries it out."""
