"""Real SGD on a schedule's own stale gradients, and which policy learns fastest."""

from core.learning.digits import Digits
from core.learning.experiment import learn
from core.learning.judging import Learning
from core.learning.periods import Periods, best_period
from core.learning.problem import Problem
from core.learning.quadratic import NoisyQuadratic
from core.learning.training import replay

__all__ = ["Digits", "Learning", "NoisyQuadratic", "Periods", "Problem", "best_period", "learn", "replay"]
