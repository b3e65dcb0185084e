"""`skerry deploy` and the commands for stacks: on a real engine, and what of them is pure."""
