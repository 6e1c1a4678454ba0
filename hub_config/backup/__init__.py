"""Work is never lost: homes on seat hosts are copied to the hub's host, and back when a host dies.

    what_to_copy (on the seat's host) ─► transfer (rsync, jailed at both ends) ─► snapshots
    snapshots ─► restoring (on another host, before the seat's server starts there)

See docs/decisions/home-backups.md.
"""
