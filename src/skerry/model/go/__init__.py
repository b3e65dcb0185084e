"""What Go does with numbers, formats and templates: Swarm's users and clients see it, so it is done the same.

Whatever comes in, the work is bounded: a number by its type, a template by a `Budget`.
"""
