"""What is compared: one file a method. What such a file holds: methods/core/api.py."""
