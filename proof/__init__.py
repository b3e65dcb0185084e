"""The proof: real containers are rolled and broken under every kind of client at once, and it is counted."""
