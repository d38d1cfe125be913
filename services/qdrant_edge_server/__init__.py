"""Qdrant's gRPC API over Qdrant's own in-process engine, for one machine and for tests."""
