"""Why something is as it is: from what is recorded of stacks, services and tasks to causes in plain
words. Pure."""
