"""Scenarios that make a point, each with its question and its answer."""
