"""What real clients do: each file is run by an interpreter that has its client, not by this one."""
