"""Health probing: what a task's check asks, how often it is asked, and what the answers mean.

`probe`, `command_line`, `translate`, `override` and `check` are pure; `sockets`, `socket_probe` and `prober`
do it.
"""
