"""The table of checks, with values that are simulated once in a process, however often they are asked for."""

from dataclasses import replace
from functools import cache

from core.theory.checks import CHECKS

SAMPLED = tuple(replace(check, sample=cache(check.sample)) for check in CHECKS)
