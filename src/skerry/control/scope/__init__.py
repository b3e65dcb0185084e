"""Who may do what: roles, and the one place that decides about a request. Pure."""
