"""The gateway: two edges (gRPC, REST) over one core that searches and keeps catalogs."""
