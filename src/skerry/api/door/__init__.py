"""The socket: which requests are skerry's, and the pipe to the engine for all the others."""
