"""Deploying a stack from a compose file, and what is done with stacks afterwards."""
