"""Which channels of a network can be removed, what a choice of them costs, and how they are removed."""
