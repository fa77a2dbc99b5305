"""Charges that time makes: which periods a patient lay in a bed, what each costs, and writing that once."""
