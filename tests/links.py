"""Links that anybody may have made, without end: right ones, ones just beside them, and hostile ones."""

import itertools
import random
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlencode

from core.common.parameters import Number
from core.links import DEFAULTS, PARAMETERS
from pages.shared.controls.widgets import proposed_policies

HOSTILE = [
    *("", " ", "abc", "-1", "0", "-0", "1e999", "1e400", "1e-400", "nan", "inf", "-inf", "Infinity", "9" * 400),
    *("9" * 5_000, "4;drop table", "<script>alert(1)</script>", "![x](http://e)", "`", "$x$", ":red[x]", "🙂", "\x00"),
    *(
        "[1]",
        "{}",
        "0x10",
        "4 4",
        "١٢",
        "１２",
        "²",
        "1_000",
        "1,000",
        "5.0",
        "4.9",
        "1e2",
        " 4 ",
        "+4",
        "true",
        "None",
    ),
    *(
        "\u202e",
        "\ud800",
        "a\nb",
        "../../etc/passwd",
        "x" * 301,
        "x" * 4_000,
        "sync ",
        "SYNC",
        "ssp 999999999",
        "async 0",
    ),
    *("1,2", "1,2,x", "1,1", "nan,1", "1e308,-1e308", ",".join(map(str, range(41))), ";;", "-5,0.5"),
]
BROKEN = [
    "%",
    "%zz",
    "%u0041",
    "%f0%28",
    "&&&",
    "=",
    "?",
    "#x",
    ";",
    "%00",
    "workers",
    "=4",
    "workers=4=5",
    "embed=true",
    "%3D%26",
]
UNKNOWN = ["wokers", "Workers", "workers ", "", "__proto__", "x" * 300, "<b>", "embed_options", "🙂"]
CHEAP = {
    "replicates": 20,
    "train_seeds": 1,
    "map_runs": 2,
    "problem": "quadratic",
    "rate": "0.25",
    "across_values": "2,4",
}
MIXES = list(itertools.product(*(PARAMETERS[key].rule.choices for key in ("mode", "law", "network"))))
"""Every mode with every law on every network."""


def links(seed: int = 0, cheap: float = 0.9) -> Iterator[str]:
    """Query strings; `cheap` is the share of those that ask for few runs, whatever else they ask for."""
    dice = random.Random(seed)
    for number in itertools.count():
        mode, law, network = MIXES[(number * 41 + seed) % len(MIXES)]
        asked = [("mode", mode), ("law", law), ("network", network)] if dice.random() < 0.7 else []
        asked += [(key, value_of(key, dice)) for key in dice.sample(list(PARAMETERS), dice.randint(0, 9))]
        if dice.random() < 0.3:
            asked.append((dice.choice(UNKNOWN), dice.choice(HOSTILE)))
        if dice.random() < cheap:
            asked = [(key, value) for key, value in asked if key not in CHEAP and value != "target"] + list(
                CHEAP.items()
            )
        dice.shuffle(asked)
        query = urlencode(asked, errors="surrogatepass")
        if dice.random() < 0.15:
            at = dice.randint(0, len(query))
            query = query[:at] + dice.choice(BROKEN) + query[at:]
        yield query[: dice.choice([10**5, 10**5, 10**5, 40])]


def value_of(key: str, dice: random.Random) -> str:
    """Mostly a value that the key takes, or one just beside its range; else a hostile one."""
    rule = PARAMETERS[key].rule
    if dice.random() < 0.25:
        return dice.choice(HOSTILE)
    if isinstance(rule, Number):
        (low, high), step = rule.ends, rule.kind(PARAMETERS[key].step)
        beside = (low - step, high + step, low + step / 2)
        inside = (low, high, low + step, high - step, DEFAULTS[key], type(low)(dice.uniform(low, high)))
        return str(dice.choice(inside if dice.random() < 0.8 else beside))
    if key == "policies":
        return dice.choice(proposed_policies(4))
    return str(dice.choice([*getattr(rule, "choices", ()), DEFAULTS[key], "throughput"]))


def parameters(query: str) -> dict[str, list[str]]:
    """The query as a server splits it; policies, which may come several times, as a link names them."""
    return parse_qs(query, keep_blank_values=True, errors="replace")


def written(parameters: dict[str, list[str]]) -> str:
    """The other way round."""
    return urlencode(parameters, doseq=True, quote_via=quote)
