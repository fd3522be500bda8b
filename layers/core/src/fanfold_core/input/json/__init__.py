"""JSON: as text that comes from outside, and as the lines of an input file."""
