"""The outbox, wordings, and how the hospital writes."""
