"""Releases of a stack, each with one service broken: each must end in exactly the release before."""
