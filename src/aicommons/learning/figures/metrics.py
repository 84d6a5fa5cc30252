"""The record of a model's figures over held-out rows; how they are computed is in the modules beside it."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Metrics:
    """Figures over held-out rows; None where the task has no such figure or the rows do not allow it."""

    rows: int
    """Held-out rows that were evaluated."""
    accuracy: float | None = None
    """Share of rows whose most probable class is right."""
    auc: float | None = None
    """Probability that a positive row scores above a negative one (two classes only)."""
    log_loss: float | None = None
    """Mean negative log-likelihood in nats, each row's at most 32."""
    confusion: tuple[tuple[int, ...], ...] | None = None
    """Rows by true class (first index) and predicted class."""
    rmse: float | None = None
    """Root mean square error in the target's unit."""
    r_squared: float | None = None
    """1 - squared error / variance of the target over the same rows."""
    deviance: float | None = None
    """Mean Poisson deviance per row (counts only)."""
    d_squared: float | None = None
    """1 - deviance / deviance of the mean count over the same rows (counts only)."""
    observed_to_predicted: float | None = None
    """Counts that there were, divided by the rates predicted for the same rows (counts only)."""
    membership_auc: float | None = None
    """Probability that a row learned from has a smaller loss than a held-out one: how well members are told (plans that test it)."""
    concordance: float | None = None
    """Probability that of two rows the one whose event comes first has the higher risk (times until an event only)."""
