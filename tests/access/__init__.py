"""The API over the network: certificates, roles, and attempts to leave them."""
