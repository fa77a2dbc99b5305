"""Killing processes in the middle of work, and counting what is left: see docs/how-to/fault-tests.md."""
