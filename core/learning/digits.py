"""Handwritten digits, and the networks that learn to read them."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.common.parameters import Several, Whole, takes
from core.learning.problem import Problem

FILE = Path(__file__).parents[1] / "data" / "digits.npz"
PIXELS, CLASSES = 64, 10
TRAINING, MEASURED = 1437, 360
ONE_THREAD = 2**17  # multiplications up to which OpenBLAS is sure to take no second thread


class Images(NamedTuple):
    """Images, a column each, (64, n), and the digit that each one shows, (n,)."""

    pixels: np.ndarray
    digits: np.ndarray


@cache
def images() -> tuple[Images, Images]:
    """1,437 images to train on and 360 to test on, pixels from 0 to 1; read-only.

    UCI, Optical Recognition of Handwritten Digits (Alpaydin & Kaynak 1998), CC BY 4.0: see data/NOTICE.md.
    """
    with np.load(FILE) as file:
        pixels, digits = file["pixels"].T / 16, file["digits"].astype(np.intp)
    parts = [Images(pixels[:, part].copy(), digits[part].copy()) for part in (slice(TRAINING), slice(TRAINING, None))]
    for array in (*parts[0], *parts[1]):
        array.flags.writeable = False
    return parts[0], parts[1]


@dataclass(frozen=True, kw_only=True)
class Digits(Problem):
    """Reading handwritten digits: a network with ReLU layers of `hidden` units, and softmax cross-entropy.

    Without hidden layers it is softmax regression. Loss is that of 360 training images, always the same, to save
    time; accuracy is the share of all test images that are read rightly; stuck is 1 for a network that says the same
    digit whatever it is shown: a step that was too large has switched off all of its units.

    Attributes:
        hidden: units of each hidden layer, up to three of them; (32,) by default.
        batch: images of a mini-batch; 16 by default.

    """

    hidden: tuple[int, ...] = takes(Several(Whole(1, 1024), 0, 3), (32,))

    goal, target, guess_loss = "accuracy", 0.9, np.log(CLASSES)

    @property
    def kind(self) -> str:
        """What the model is, such as network 64–32–10, or softmax regression."""
        return f"network {'–'.join(map(str, (PIXELS, *self.hidden, CLASSES)))}" if self.hidden else "softmax regression"

    @property
    def name(self) -> str:
        return f"Digits, {self.kind}"

    @property
    def code(self) -> str:
        return "network" if self.hidden else "softmax"

    @property
    def what(self) -> str:
        return f"{'a ' if self.hidden else ''}{self.kind} on handwritten digits"

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of each layer's weights: a row for each unit, its bias in the last column."""
        return [(after, before + 1) for before, after in pairwise((PIXELS, *self.hidden, CLASSES))]

    @property
    def size(self) -> int:
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return (self.batch,)

    def layers(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Views of each layer's weights in vectors of parameters, (…, rows, columns)."""
        views, end = [], 0
        for rows, columns in self.shapes:
            first, end = end, end + rows * columns
            views.append(parameters[..., first:end].reshape(*parameters.shape[:-1], rows, columns))
        return views

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Normal weights of variance 2/inputs, no bias.

        Source:
            He et al. 2015.

        """
        parameters = np.zeros(self.size)
        for weights in self.layers(parameters):
            units, inputs = weights[:, :-1].shape
            weights[:, :-1] = rng.standard_normal((units, inputs)) * np.sqrt(2 / inputs)
        return parameters

    def mini_batches(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Numbers of training images: every one once, in random order, then again in another."""
        passes = -(-count * self.batch // TRAINING)
        stream = rng.permuted(np.tile(np.arange(TRAINING), (passes, 1)), axis=1).ravel()
        return stream[: count * self.batch].reshape(count, self.batch)

    def gradient(self, parameters: np.ndarray, batches: np.ndarray) -> np.ndarray:
        """Backpropagation."""
        training, _ = images()
        chosen = batches.reshape(len(batches), -1)
        layers, gradient = self.layers(parameters), np.empty_like(parameters)
        inputs, error = forward(layers, training.pixels.T[chosen].swapaxes(1, 2)[:, None])
        error -= error.max(axis=-2, keepdims=True)
        np.exp(error, out=error)
        error /= error.sum(axis=-2, keepdims=True)
        error[np.arange(len(chosen))[:, None], :, training.digits[chosen], np.arange(chosen.shape[1])] -= 1
        error /= chosen.shape[1]
        for weights, slope, seen in reversed(list(zip(layers, self.layers(gradient), inputs, strict=True))):
            multiply(error, seen.swapaxes(-1, -2), out=slope[..., :-1])
            error.sum(axis=-1, out=slope[..., -1])
            if seen is not inputs[0]:
                error = multiply(weights[..., :-1].swapaxes(-1, -2), error) * (seen > 0)
        return gradient

    def measure(self, parameters: np.ndarray) -> dict[str, np.ndarray]:
        (training, test), layers = images(), self.layers(parameters)
        _, scores = forward(layers, training.pixels[:, :MEASURED])
        right, highest = scores[..., training.digits[:MEASURED], np.arange(MEASURED)], scores.max(axis=-2)
        scores -= highest[..., None, :]
        loss = (np.log(np.exp(scores, out=scores).sum(axis=-2)) + highest - right).mean(axis=-1)
        _, scores = forward(layers, test.pixels)
        says = scores.argmax(axis=-2)
        stuck = (says == says[..., :1]).all(axis=-1).astype(float)
        return {"loss": loss, "accuracy": (says == test.digits).mean(axis=-1), "stuck": stuck}


def forward(layers: list[np.ndarray], pixels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """What each layer sees, and the scores of the ten digits, (…, 10, images)."""
    inputs = [pixels]
    for weights in layers[:-1]:
        seen = affine(weights, inputs[-1])
        inputs.append(np.maximum(seen, 0, out=seen))
    return inputs, affine(layers[-1], inputs[-1])


def affine(weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Weights times inputs plus bias."""
    outputs = multiply(weights[..., :-1], inputs)
    outputs += weights[..., -1:]
    return outputs


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The matrix product, in blocks of columns so small that BLAS keeps each to one thread.

    Its threads wait for each other by spinning: on a busy machine two of them are many times slower than one.
    """
    width = max(1, ONE_THREAD // (left.shape[-2] * left.shape[-1]))
    if right.shape[-1] <= width:
        return np.matmul(left, right, out=out)
    if out is None:
        many = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        out = np.empty((*many, left.shape[-2], right.shape[-1]))
    for first in range(0, right.shape[-1], width):
        columns = slice(first, first + width)
        np.matmul(left, right[..., columns], out=out[..., columns])
    return out
