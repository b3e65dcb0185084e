"""What skerry knows of the kernel, each thing once: netlink in its dialects, namespaces, mounts, processes.

Nobody else opens a netlink socket, enters a namespace or reads what /proc says of mounts and processes.
Constants bear the names that the kernel's headers give them.
"""
