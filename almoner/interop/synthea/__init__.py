"""Import of a Synthea population: CSV files in, encounters, charges, payments and a reconciliation out."""
