"""What a heading says of its column: who, when, or which time, and in which unit."""

import re
from dataclasses import dataclass

from core.traces.tables.cells import UNITS, plain

DOCUMENTED = {
    "rank": "worker rank globalrank workerid process",
    "local": "gpu device",
    "place": "node host",
    "step": "step globalstep iteration iter batch",
    "compute": "compute computetime computation computing",
    "whole": "time duration elapsed total steptime stepduration iterationtime batchtime",
    "comm": "comm commtime communication network collective allreduce",
    "wait": "wait waittime waiting idle barrier",
}
ABROAD = {
    "rank": "rang rango ранг 进程 進程 ランク 랭크 arbeiter trabajador travailleur trabalhador "
    "prozess proceso processo processus процесс",
    "place": "rechner knoten nodo noeud nœud nó узел 节点 節點 ノード 노드",
    "step": "schritt étape etape paso passo шаг итерация iteración itération iteração iterazione 步 步数 步骤 迭代 "
    "ステップ 반복 스텝 단계",
    "epoch": "epoche époque época epoca эпоха 轮次 エポック 에포크",
    "compute": "rechenzeit tempsdecalcul tiempodecálculo tempodicalcolo 计算时间 計算時間 计算 времявычислений",
    "whole": "zeit dauer laufzeit schrittzeit temps durée duree tiempo duración duracion tempo duração duracao durata "
    "время длительность 时间 时长 耗时 時間 시간",
    "comm": "kommunikation kommunikationszeit netzwerk comunicación 通信 通信时间 通信時間 связь",
    "wait": "wartezeit tempsdattente tiempodeespera 等待 等待时间 待ち時間 ожидание",
}
EXACT = {name: role for known in (DOCUMENTED, ABROAD) for role, names in known.items() for name in names.split()}
"""Headings that mean just this, without spaces, dashes and underscores; every other is understood by its words."""

TOKEN = re.compile(r"μ?[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[%/]")
JOINED = re.compile(
    r"(date|rank|gpu|node|host|proc|task|local|step|iter|iteration|batch|device|worker|compute|comm)(id|idx|num|time|rank)"
)
PERCENTILE = re.compile(r"p ?(50|75|90|95|99|999)\b|(?<!\d)\d\d ?%|quantile|percentile", re.IGNORECASE)
COLLECTIVE = re.compile(
    r"all[ _-]?reduce|reduce[ _-]?scatter|all[ _-]?gather|all[ _-]?to[ _-]?all|broadcast|[nrhx]ccl|gloo", re.IGNORECASE
)


def words(text: str) -> set[str]:
    """A set of words, from a text of them."""
    return set(text.split())


STATISTIC = words(
    "min max mean avg average std stddev stdev dev var variance median med count instances calls minimum maximum"
)
RATE = words("throughput tflops flops bandwidth gbps mbps mfu hz rate speed ips qps fps tps % percent pct ratio share")
QUALITY = words("loss losses acc accuracy lr ppl perplexity score reward bleu auc entropy kl momentum")
SIZE = words(
    "size tokens samples bytes mem memory mb gb gib mib len length seq seqlen num world utilization util "
    "power watts temp temperature freq mhz version seed port items images"
)
CLOCK = words("timestamp timestamps ts date clock created wall wallclock walltime since uptime")
START, END = words("start begin started begins starts"), words("end stop finish ended ends finished")
MOMENT = words("t at phase event section")
OTHER = words("id idx index table no nr number num job user version seed tid thread threads")
ATTEMPT = words("attempt attempts restart restarts retry retries incarnation run")
SPENT = words(
    "time times duration durations dur elapsed latency took runtime cost interval delta timing timings seconds"
)
STEP = words("step steps iteration iterations iter iters it batch batches minibatch minibatches")
TRAINING = words("train training trains fit")
EVALUATION = words("eval evals evaluate evaluation val valid validate validation test testing inference predict sanity")
EPOCH, PART = words("epoch epochs"), words("microbatch microbatches micro bucket chunk layer accumulation")
RANK = words("rank ranks worker workers process proc replica trainer task")
PLACE = words("node host hostname machine server pod instance ip nodename")
LOCAL = words("gpu pci device npu card accelerator dev")
GROUPS = {
    "stage": words("stage pp pipeline"),
    "dp": words("dp data"),
    "tp": words("tp tensor cp context"),
    "ep": words("ep expert"),
}
HELPERS = words(
    "/ id idx index no nr number num name names global local the of train training trainer mini current "
    "uuid bus slurm mpi ompi pmi pmix hvd horovod torch torchelastic env world"
)
COMPUTE = words("compute computation computing calc calculation busy active kernel kernels work working")
COMM = words(
    "comm comms communication network collective collectives sync synchronize synchronization mpi send recv "
    "receive exchange push pull"
)
WAIT = words("wait waits waiting waited idle barrier stall stalled blocked blocking bubble")
CORE = words("forward fwd backward bwd fp bp backprop")
OWN = words(
    "data loader dataloader load loading input fetch io read preprocess preprocessing augment augmentation "
    "copy transfer optimizer optim opt update grad gradient gradients clip clipping zero checkpoint save log "
    "logging overhead python prepare preparing free generator"
)
OWN_TIMES = {"compute", "core", "own", "whole", "comm", "wait"}
"""Roles of columns that hold a worker's time."""
LABEL = words(
    "metric measure phase op operation event kind category region range section span label tag activity "
    "function variable type key field measurement"
)


@dataclass(frozen=True)
class Meaning:
    """What a heading says of its column."""

    role: str
    """rank, local, place, pid, dp, tp, ep, stage; step, epoch, part, attempt; compute, core, own (time of a phase),
    whole, comm, wait; start, end, clock; label; statistic, rate, quality, size, other; empty where nothing is known."""
    unit: str = ""
    exact: bool = False
    """Whether it is one of the documented headings."""
    strength: int = 0
    """Of two columns of one role, the one that says more of it is taken."""


def meaning(heading: str) -> Meaning:
    """What a heading says of its column."""
    name, unit = split_unit(heading)
    if name is None:
        return Meaning("rate")
    joined = re.sub(r"[\W_]", "", name).lower()
    if role := EXACT.get(joined):
        if role == "step" and unit:
            role = "whole"
        return Meaning(role, unit, exact=True, strength=strength_of(role, set(tokens(name))))
    each = set(tokens(name))
    role = role_of(name, joined, each, bool(unit))
    return Meaning(role, unit, strength=strength_of(role, each))


def strength_of(role: str, each: set[str]) -> int:
    """How much a heading says: a step's time more than a time, a global step more than a step."""
    if role == "whole":
        return 0 if each & EVALUATION else 3 if each & STEP else 1 if each <= {"time"} else 2
    return 1 + bool(each & {"global", "exposed", "not"}) - ("local" in each)


def role_of(name: str, joined: str, each: set[str], has_unit: bool) -> str:
    """The role that the words of a heading give its column."""
    spent = bool(each & SPENT) or has_unit
    if each & STATISTIC or PERCENTILE.search(name):
        return "statistic"
    if each & RATE or ((each & QUALITY or "norm" in each) and not spent):
        return "rate" if each & RATE else "quality"
    if joined in ("name", "names"):
        return "label"
    if each <= {"pid"} | HELPERS and "pid" in each:
        return "pid"
    for group, names in GROUPS.items():
        if (
            each & names
            and each <= names | HELPERS | RANK | {"parallel", "model"}
            and (each & RANK or group == "stage")
        ):
            return group
    if not spent:
        if each & (STEP | PART | EPOCH) and each <= STEP | PART | EPOCH | HELPERS | {"trainer"}:
            return "part" if each & PART else "step" if each & STEP else "epoch"
        for role, names in (("rank", RANK), ("local", LOCAL), ("place", PLACE)):
            if each & names and each <= RANK | LOCAL | PLACE | HELPERS:
                return local_or(role, each)
        if each and each <= OTHER | HELPERS | ATTEMPT:
            return "attempt" if each & ATTEMPT else "other"
    if is_moment(name, joined, each):
        return "start" if each & START else "end"
    if each & CLOCK:
        return "clock"
    return time_of(name, joined, each, spent)


def is_moment(name: str, joined: str, each: set[str]) -> bool:
    """Whether a column says when a step or a phase of it began or ended, as step_start and forward_end do."""
    if not each & (START | END):
        return False
    of_what = each - not_of_phase(each)
    return not of_what or (not (each & START and each & END) and time_of(name, joined, of_what, True) in OWN_TIMES)


def not_of_phase(each: set[str]) -> set[str]:
    """The words of a heading that do not say which phase of a step it is about."""
    return each & (START | END | SPENT | STEP | HELPERS | CLOCK | MOMENT)


def phase_of(heading: str) -> tuple[str, ...]:
    """Which phase of a step a start or an end is about, by the other words of its heading; nothing: the whole step."""
    each = tokens(split_unit(heading)[0] or heading)
    return tuple(part for part in each if part not in not_of_phase(set(each)))


def local_or(role: str, each: set[str]) -> str:
    """The role of a column that names workers: a local rank is one on its node, the rank of a node is a node."""
    if role == "rank" and "local" in each:
        return "local"
    if role in ("rank", "local") and each & PLACE:
        return "place"
    return "rank" if role == "local" and each & RANK and "local" not in each else role


def time_of(name: str, joined: str, each: set[str], spent: bool) -> str:
    """Which time a column holds, by the words of its heading."""
    own = bool(each & OWN)
    if "overlapped" in each and "not" not in each:
        return "statistic"
    if COLLECTIVE.search(name) or (each & COMM and not each & OWN - words("grad gradient gradients update")):
        return "comm"
    if each & WAIT and not own:
        return "wait"
    if each & COMPUTE:
        return "compute"
    if each & CORE:
        return "core"
    if own and (spent or each & words("optimizer dataloader loader dataloading")):
        return "own"
    if each & SIZE:
        return "size"
    if each & SPENT or (spent and each & (STEP | EPOCH) and each <= STEP | EPOCH | HELPERS | {"per", "a"}):
        return "whole"
    return "label" if each & LABEL else ""


def split_unit(heading: str) -> tuple[str | None, str]:
    """A heading without its unit, and the unit; None for something per unit of time, as samples/s is."""
    name = plain(heading)
    bracket = re.search(r"[(\[{]\s*(?:in\s+)?(\w+)\.?\s*[)\]}]|,\s*(?:in\s+)?([^\W\d_]+)\.?$", name)
    if bracket and (unit := UNITS.get((bracket[1] or bracket[2]).lower())):
        return (name[: bracket.start()] + name[bracket.end() :]).strip(" _-.,"), unit
    parts = list(TOKEN.finditer(name))
    for at, part in reversed(list(enumerate(parts))):
        unit = UNITS.get(part[0].lower())
        after = parts[at + 1][0].lower() if at + 1 < len(parts) else ""
        if not unit or unit in ("min", "h") or (at == 0 and after and after not in ("per", "/") and unit == "s"):
            continue
        before = parts[at - 1][0].lower() if at else ""
        if before in ("per", "/") and not {p[0].lower() for p in parts[:at]} & SPENT:
            return None, ""
        return (name[: part.start()] + name[part.end() :]).strip(" _-.,/:"), unit
    return name, ""


def tokens(name: str) -> list[str]:
    """The words of a heading, small; rankid and steptime are two."""
    each = [token.lower() for token in TOKEN.findall(plain(name))]
    return [part for token in each for part in (JOINED.sub(r"\1 \2", token).split())]
