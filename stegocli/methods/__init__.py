"""The ways to hide, one file each behind one protocol. Imports `flow`, `payload`, `picture` and `errors`."""
