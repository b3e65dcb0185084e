"""What skerry knows, kept in SQLite; the only bus between its parts."""
