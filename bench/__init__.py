"""Measurements, each run as `python -m bench.NAME`; what they found stands in docs/performance.md."""
