"""An open-loop load generator for a running stack, and the report of what it measured."""
