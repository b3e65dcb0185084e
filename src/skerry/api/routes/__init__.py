"""What each endpoint does: one module for each family, with its table of endpoints at the end."""
