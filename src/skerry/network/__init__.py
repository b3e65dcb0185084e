"""The network: the kernel table, links to the gate, and the drain of a task that left the table."""
