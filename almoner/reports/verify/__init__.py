"""Proving the books of one hospital: what is checked, how many rows, and which of them are wrong.

Every noun has a file of its own with its probes; a probe is one set-based statement that feeds several
checks, so that a million postings are read a few times and not once per check. Nothing here writes.
"""

from almoner.reports.verify.probe import Check, Cursor, Finding, Result
from almoner.reports.verify.runner import CHECKS, check_books

__all__ = ["CHECKS", "Check", "Cursor", "Finding", "Result", "check_books"]
