"""On what and how methods are compared: config -> cells -> train -> shrink -> row -> report."""

__version__ = "0.2.0"
