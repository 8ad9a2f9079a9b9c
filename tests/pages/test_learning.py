"""The Learning page: an answer from real training, its controls, its cache, and what it refuses."""

import pytest

from core import AlphaBeta, Asynchronous, LocalSGD, Scenario, Synchronous, best_period
from core.learning.digits import Digits
from core.learning.experiment import FRESH_GRID, learn
from core.learning.quadratic import NoisyQuadratic
from core.learning.registry import PROBLEMS
from core.report.learning import headline as headline_of
from core.report.learning import reasons
from core.report.periods import headline as headline_of_periods
from core.workload.draws import Draws, TooManyRuns
from tests.pages.helpers import alive, charts, complaints, headline

BOTH = [Synchronous(), Asynchronous()]


def test_defaults(open_page):
    app = open_page("learning")
    assert not app.exception
    assert not complaints(app)
    found = learn(Scenario(), BOTH, Digits())
    assert headline(app) == headline_of(found)
    assert reasons(found) in [text.value for text in app.main.markdown]
    assert {"batches", "replicates"}.isdisjoint(app.session_state.session.mounted)  # what does not act on it
    assert len(charts(app)) == 2
    assert app.dataframe[0].value["Policy"].tolist() == ["Synchronous", "Asynchronous"]
    assert all(len(chart.proto.alt) > 40 for chart in app.get("vega_lite_chart"))
    (measured,) = [text.value for text in app.main.markdown if "Speed-up to" in text.value]
    assert "first on 3 seeds; it is judged on 5 other seeds" in measured
    assert "mean of 9 neighbouring points" in measured


def test_the_same_link_gives_the_same_curve(open_page):
    params = {"problem": "quadratic", "train_seeds": "3", "workers": "6", "seed": "7"}
    first, again = open_page("learning", **params), open_page("learning", **params)
    assert charts(first) == charts(again)
    expected = learn(Scenario(workers=6, seed=7), BOTH, NoisyQuadratic(), seeds=3)
    assert headline(first) == headline(again) == headline_of(expected)


def test_one_rate_can_be_pinned_for_all(open_page):
    app = open_page("learning", problem="softmax", rate="0.25", train_seeds="2")
    assert not complaints(app)
    assert app.dataframe[0].value["Learning rate"].tolist() == [0.25, 0.25]
    app.selectbox(key="rate").set_value("best").run()
    assert not app.exception
    assert (app.dataframe[2].value.groupby("Policy")["Learning rate"].nunique() >= len(FRESH_GRID)).all()


def test_against_samples_and_by_loss(open_page):
    app = open_page("learning", problem="softmax", train_seeds="2")
    titles = []
    for key, value in (("curves_over", "samples processed"), ("curves_of", "loss")):
        app.segmented_control(key=key).set_value(value).run() if hasattr(
            app, "segmented_control"
        ) else app.button_group(key=key).set_value([value]).run()
        encoding = charts(app)[0]["layer"][0]["encoding"]
        titles.append((encoding["x"]["title"], encoding["y"]["title"]))
    assert titles == [("Samples processed", "Test accuracy (%)"), ("Samples processed", "Training loss")]


def test_an_answer_stays_until_the_next_is_there(open_page, monkeypatch):
    """On the first visit curves are drawn as they come; after that, what is on the page stays until all is trained."""
    monkeypatch.setattr("pages.shared.views.training.CACHED", -1)
    drawn = []
    monkeypatch.setattr("streamlit.vega_lite_chart", lambda alt, **_: drawn.append(alt))
    app = open_page("learning", problem="quadratic", train_seeds="2")
    assert len(drawn) == 3  # one policy, both, and the learning rates
    app.slider(key="batch_ms").set_value(600).run()
    assert len(drawn) == 5


def test_stuck_runs_look_stuck(open_page):
    app = open_page("learning", policies=["sync", "async"], rate="1", train_seeds="3")
    assert not app.exception
    spec = charts(app)[0]
    (dashed,) = [layer for layer in spec["layer"] if layer["data"]["name"] == "lost"]
    assert dashed["mark"]["strokeDash"]
    (label,) = [layer for layer in spec["layer"] if layer["data"]["name"] == "ends"]
    assert label["mark"]["type"] == "text"
    assert any("Dashed: single runs that get stuck or diverge" in caption.value for caption in app.main.caption)


def test_policies_and_traces_train_too(open_page):
    params = {"policies": ["sync", "local 4", "ssp 2", "backup 3"], "problem": "quadratic", "train_seeds": "2"}
    app = open_page("learning", **params)
    assert not complaints(app)
    assert len(app.dataframe[0].value) == 4


def test_training_on_a_trace_stays_out_of_the_shared_cache(open_page, monkeypatch):
    app = open_page("trace", problem="quadratic", train_seeds="2")
    next(b for b in app.button if b.label == "Use as scenario").click().run()
    monkeypatch.setattr("pages.shared.answers.training.trained.shared", lambda *asked: 1 / 0)
    app.switch_page("pages/learning.py").run()
    assert not complaints(app)
    assert app.header
    assert app.main.caption[0].value.startswith("**Compute times: replayed from the sample trace**")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_trains(open_page, problem):
    app = open_page("learning", problem=problem, train_seeds="1", workers="2")
    assert not complaints(app)
    assert app.header


def test_too_many_workers_are_refused_with_what_is_allowed(open_page, monkeypatch):
    """One message with the field, the value, the range, the control and what else to train; the page stands."""
    monkeypatch.setattr("core.learning.experiment.MOST_COST", 12_000_000)
    app = open_page("learning", workers="32", problem="network")
    assert not app.exception
    (message,) = complaints(app)
    assert message.startswith("workers: 32 are too many to train a network 64–32–10 on handwritten digits")
    assert "allowed are 1 to 19" in message
    assert "The control is **Number of workers**." in message
    assert "a noisy quadratic bowl takes up to" in message
    app.selectbox(key="problem").set_value("quadratic").run()
    assert not complaints(app)
    assert alive(app)


def test_fewer_mini_batches_than_needed_are_said_with_what_to_do(open_page, monkeypatch):
    monkeypatch.setattr("core.learning.experiment.MOST_COST", 16_000_000)
    app = open_page("learning", workers="24", train_seeds="2", problem="network")
    assert not app.exception
    assert headline(app).startswith("No policy reaches")
    (message,) = complaints(app)
    assert message.startswith("24 workers have 17 mini-batches each")
    assert any("408 mini-batches of 16 for each policy, 17 per worker" in text.value for text in app.main.markdown)


def test_too_many_runs_are_refused_with_the_label_of_their_control(open_page, monkeypatch):
    def refuse(draws, rows):
        raise TooManyRuns

    monkeypatch.setattr(Draws, "more_rows", refuse)
    params = {"policies": ["sync", "async shared"], "slow_workers": "3", "slowdown": "10", "train_seeds": "2"}
    app = open_page("learning", problem="quadratic", **params)
    assert not app.exception
    (message,) = complaints(app)
    assert "seeds: 2 is too many" in message
    assert "allowed here are 1 to 1" in message
    assert "**Seeds**" in message


def test_what_is_too_much_is_said_and_left_out(open_page, monkeypatch):
    monkeypatch.setattr("core.learning.training.MAX_COST", 10)
    app = open_page("learning", problem="quadratic", train_seeds="2")
    assert not app.exception
    assert len(complaints(app)) == 2
    assert all("is left out" in message for message in complaints(app))


@pytest.mark.parametrize(("key", "value"), [("problem", "mnist"), ("train_seeds", "99"), ("rate", "0.3")])
def test_bad_values_are_named(open_page, key, value):
    app = open_page(**{key: value})
    assert f"`{key}`" in complaints(app)[0]
    assert alive(app)


def test_a_rate_at_which_everything_diverges_is_said(open_page):
    app = open_page("learning", problem="quadratic", rate="8", train_seeds="2")
    assert not app.exception
    assert "Every run diverged" in complaints(app)[0]
    assert app.header


def test_an_optimizer_is_said_once_it_is_not_plain(open_page):
    """And what each worker sends, where messages have a size, and what it costs, where machines have a price."""
    params = {"problem": "quadratic", "train_seeds": "2", "policies": ["sync", "local 4 delay 1"]}
    plain = open_page("learning", **params)
    assert not {"Optimizer", "Each worker sends (MB)"} & set(plain.dataframe[0].value)
    app = open_page("learning", **params, optimizer="diloco", network="ring", worker_per_hour="1000")
    assert any("with DiLoCo's outer optimizer where" in caption.value for caption in app.main.caption)
    assert not app.exception
    assert not complaints(app)
    table = app.dataframe[0].value
    assert table["Optimizer"].tolist() == ["SGD", "SGD, outer rate 0.7, outer momentum 0.9"]
    assert (table["Each worker sends (MB)"] != "").all()
    assert (table["Cost to target"] != "").all()
    assert any(text.value.startswith("Reaching the target costs $") for text in app.main.markdown)
    policies = [Synchronous(), LocalSGD(period=4, delay=1)]
    scenario = Scenario(network=AlphaBeta())
    expected = learn(scenario, policies, NoisyQuadratic(), seeds=2, outer_rate=0.7, outer_momentum=0.9)
    assert headline(app) == headline_of(expected)


def test_which_period(open_page, monkeypatch):
    """The answer of `best_period`, in the link, and without a choice of policies, which do not act on it."""
    monkeypatch.setattr("pages.shared.views.periods.PERIODS", (1, 4, 100_000))
    params = {"learn_ask": "period", "problem": "quadratic", "network": "ring", "workers": "2", "train_seeds": "2"}
    app = open_page("learning", **params)
    assert not app.exception
    assert not complaints(app)
    asked = Scenario(workers=2, network=AlphaBeta())
    found = best_period(asked, NoisyQuadratic(), periods=(1, 4, 100_000), seeds=2)
    assert headline(app) == headline_of_periods(found)
    assert app.dataframe[0].value["Policy"].tolist() == found.table["policy"].tolist()
    assert [spec["encoding"]["y"]["title"] for spec in (chart["layer"][1] for chart in charts(app))] == [
        "Time to a loss of 0.0144 (s)",
        "Each worker sends (MB)",
    ]
    assert [any("y2" in layer["encoding"] for layer in chart["layer"]) for chart in charts(app)] == [True, False]
    below = next(caption.value for caption in app.main.caption if "uses momentum if" in caption.value)
    assert below.startswith("Left out: a period of 100,000 batches")
    assert all(len(chart.proto.alt) > 40 for chart in app.get("vega_lite_chart"))
    assert {"policies", "rate", "optimizer"}.isdisjoint(app.session_state.session.mounted)
    app.selectbox(key="learn_ask").set_value("policies").run()
    assert not app.exception
    assert "policies" in app.session_state.session.mounted
