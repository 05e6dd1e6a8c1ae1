"""Ratios of our speed to the limit and to other ways of doing the same; `pytest speed` runs them."""
