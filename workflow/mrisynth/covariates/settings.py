"""The settings of the models of covariates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mrisynth.errors import ConfigError

COVARIANCES = ("conditional", "marginal")
AGES = ("mixture", "beta")
AGE = "age"
VOLUME_ENDING = "_ml"


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """How the covariates of one source are modelled.

    Attributes:
        components: Gaussians of the mixture at most; the Bayesian information criterion chooses their number.
        covariance: ``conditional``, the Schur complement, or ``marginal``, as published, which draws too widely.
        age: the distribution of the column ``age`` without the others: ``mixture``, or ``beta``, by the method of
            moments between the lowest and the highest age; both are drawn within these bounds.
        log: names of columns modelled in logarithms; None for every column that ends in ``_ml`` and is above 0.

    Raises:
        ConfigError: a value is out of its range.
    """

    components: int = 10
    covariance: str = "conditional"
    age: str = "mixture"
    log: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.components < 1:
            raise ConfigError(f"components is {self.components}; at least 1 is expected.")
        for key, choices in (("covariance", COVARIANCES), ("age", AGES)):
            if getattr(self, key) not in choices:
                raise ConfigError(f"{key} is {getattr(self, key)!r}; one of {', '.join(choices)} is expected.")

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON holds them."""
        return asdict(self) | {"log": None if self.log is None else list(self.log)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ModelSettings:
        """Return settings of named values; those that are missing are the defaults.

        Raises:
            ConfigError: a key is unknown or a value out of its range.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(plain) - set(known)):
            raise ConfigError(f"{', '.join(unknown)} is no setting of covariate models; these are: {', '.join(known)}.")
        log = plain.get("log")
        return cls(**(dict(plain) | {"log": None if log is None else tuple(log)}))
