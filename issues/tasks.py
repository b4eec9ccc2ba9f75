"""Sweeps of this floor; each may run twice, late, or on two workers at once."""
