"""Answers in words and in tables to read; no widgets."""
