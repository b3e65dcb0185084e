"""Protocols other than HTTP/1: whose clients there are, and where services are published. Values only."""

from __future__ import annotations

SPEAKERS = (
    "HTTP/2",
    "HTTP/2 by TLS",
    "HTTP/1 by TLS",
    "gRPC",
    "gRPC stream",
    "WebSocket of a library",
    "WebSocket that listens",
    "PostgreSQL",
    "Redis",
)
PORTS = {"http2": 7101, "tls": 7102, "grpc": 7103, "websocket": 7104, "postgres": 7105, "redis": 7106}
"""By the service."""
