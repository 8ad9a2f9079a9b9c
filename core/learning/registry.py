"""Every problem, by what a link calls it: adding one is a class and a line here."""

from core.learning.digits import Digits
from core.learning.problem import Problem
from core.learning.quadratic import NoisyQuadratic

__all__ = ["PROBLEMS", "Digits", "NoisyQuadratic", "Problem"]

PROBLEMS = {problem.code: problem for problem in (Digits(), Digits(hidden=()), NoisyQuadratic())}
