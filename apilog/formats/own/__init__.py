"""What users say of their own logs: where a column is, whose address counts, whole formats."""
