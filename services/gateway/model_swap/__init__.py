"""Swapping the live model without a pause: backfill, audit, compare, switch, roll back, retire.

Read `synchronise` first: what one model's collection takes over from another's. `change` moves the
alias between two of its passes. The others each hold one step.
"""
