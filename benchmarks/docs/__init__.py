"""Results to the tables of the documentation."""
