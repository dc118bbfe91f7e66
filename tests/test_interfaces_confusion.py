"""The temporal confusion matrix, against a plain loop over agents, pixels and frames."""

import numpy as np
import pytest

from statestream.interfaces.temporal_confusion import StimulusRecord, TemporalConfusion, accuracy

CLASSES, WINDOW, MEAN_OVER, AGENTS = 4, 5, 3, 6


def naive(frames, window, mean_over, classes, agents_of=None):
    """Matrix and accuracy after each frame. frames: (answer, started, elapsed, truth, weight) per frame."""
    history = [None] * len(frames[0][1])
    last, results = [], []
    for answer, started, elapsed, truth, weight in frames:
        counts = np.zeros((window, classes, classes))
        for agent, shown in enumerate(history):
            if shown is None or (agents_of is not None and not agents_of[agent]):
                continue
            delay, labels, weights = shown
            if delay >= window:
                continue
            for x in range(answer.shape[2]):
                for y in range(answer.shape[3]):
                    guess = max(range(classes), key=lambda k: (answer[agent, k, x, y], -k))
                    counts[delay, labels[x, y], guess] += weights[x, y]
        last = [*last, counts][-mean_over:]
        matrix = sum(last) / mean_over
        share = [np.trace(one) / one.sum() if one.sum() > 1e-8 else 0 for one in matrix]
        results.append((matrix, np.array(share)))
        for agent in range(len(history)):
            if started[agent]:
                history[agent] = (0, truth[agent].copy(), weight[agent].copy())
            elif history[agent] is not None:
                history[agent] = (int(elapsed[agent]), *history[agent][1:])
    return results


def random_frames(space, count, seed=0, weighted=False, first=3):
    """Answers and stimuli of random lengths; no agent has one before frame `first`."""
    rng = np.random.default_rng(seed)
    elapsed = np.zeros(AGENTS)
    for n in range(count):
        started = (rng.random(AGENTS) < 0.2) & (n >= first)
        elapsed = np.where(started, 0, elapsed + 1)
        truth = rng.integers(0, CLASSES, (AGENTS, *space))
        weight = rng.random((AGENTS, *space)).astype(np.float32) if weighted else np.ones((AGENTS, *space))
        answer = rng.integers(0, 3, (AGENTS, CLASSES, *space)).astype(np.float32)  # with ties
        yield answer, started, elapsed, truth, weight


def play(frames, space, weighted=False, agents_of=None):
    record = StimulusRecord(AGENTS, space, weighted)
    confusion = TemporalConfusion(CLASSES, WINDOW, MEAN_OVER)
    variables = {name: np.full(shape, record.initial(name), np.float32) for name, shape in record.shapes.items()}
    for name, shape in (confusion.measures | confusion.memory).items():
        variables[name] = np.zeros(shape, np.float32)
    for answer, started, elapsed, truth, weight in frames:
        following = {name: np.full_like(value, np.nan) for name, value in variables.items()}
        confusion.score(variables, following, answer, agents_of)
        known = np.where(started | (variables["_delay_"] >= 0), elapsed, -1.0)
        record.keep(variables, following, started, known, truth, weight if weighted else None)
        variables = following
        yield variables["_conf_mat_"].copy(), variables["_acc_"].copy()


@pytest.mark.parametrize("space", [(1, 1), (3, 2)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_matrix_and_accuracy_agree_with_the_loop(space, weighted, masked):
    agents_of = np.arange(AGENTS) >= 2 if masked else None
    frames = list(random_frames(space, 40, weighted=weighted))
    wanted = naive(frames, WINDOW, MEAN_OVER, CLASSES, agents_of)
    for (matrix, share), (naive_matrix, naive_share) in zip(
        play(frames, space, weighted, agents_of), wanted, strict=True
    ):
        np.testing.assert_allclose(matrix, naive_matrix, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(share, naive_share, rtol=1e-5, atol=1e-6)
    assert wanted[-1][0].sum() > 0


def test_nothing_counts_before_the_first_stimulus():
    """The original counted such agents at the last delay, as the last class."""
    frames = list(random_frames((1, 1), 5, first=99))
    assert all(not matrix.any() and not share.any() for matrix, share in play(frames, (1, 1)))


def test_matrix_is_a_mean_of_counts():
    rest = np.zeros((AGENTS, CLASSES, 1, 1), np.float32)
    shown = (rest, np.full(AGENTS, True), np.zeros(AGENTS), np.full((AGENTS, 1, 1), 2), np.ones((AGENTS, 1, 1)))
    later = [(rest, np.full(AGENTS, False), np.full(AGENTS, 1.0 + n), *shown[3:]) for n in range(6)]
    matrices = [matrix for matrix, _ in play([shown, *later], (1, 1))]
    # Each of the AGENTS is counted once per delay; a frame's count is one of MEAN_OVER slots.
    for n, matrix in enumerate(matrices):
        expected = [AGENTS / MEAN_OVER if 0 <= n - 1 - w < MEAN_OVER else 0 for w in range(WINDOW)]
        np.testing.assert_allclose(matrix.sum(axis=(1, 2)), expected, rtol=1e-6)


def test_accuracy_is_zero_where_nothing_counts():
    matrix = np.zeros((3, 2, 2), np.float32)
    matrix[0] = [[3, 1], [0, 0]]
    matrix[1] = [[0, 1], [0, 1]]
    np.testing.assert_array_equal(accuracy(matrix), np.float32([0.75, 0.5, 0]))
