"""Benchmarks of the suite: its speed relative to the limit and to other implementations. `pytest speed` runs them."""
