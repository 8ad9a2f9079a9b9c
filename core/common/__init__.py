"""Checks of values, and numbers and lists in words: what every other room uses."""
