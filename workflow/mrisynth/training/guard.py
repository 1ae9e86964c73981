"""The guard of a training: goes back to older weights when updates stay not finite, and stops when that is no help."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import State

_LOG = logging.getLogger(__name__)
_FIRST_UPDATES = 3
_UPDATES_BETWEEN = 200  # two copies are kept, so the older is 200 to 400 updates back


class Guard:
    """Keeps copies of the weights of a training and takes the older one back in trouble.

    Single updates that are not finite are skipped by the stepper; this is for those that do not stop. The training
    then goes on from older weights with the batches and draws of its present place. Copies begin with the chunk, and
    stand in the memory of the host, not of the device.
    """

    def __init__(self, state: State) -> None:
        self._copies: deque[dict[str, Any]] = deque([_copied(state)], maxlen=2)

    def after_update(self, state: State) -> None:
        """Look at the counts of skipped updates.

        Raises:
            MrisynthError: when the first 3 updates of a training were skipped, or ``rollback_after`` in a row once
                all rollbacks are used up.
        """
        if state.skipped_in_a_row == 0 and state.step % _UPDATES_BETWEEN == 0:
            self._copies.append(_copied(state))
        recipe = state.recipe
        from_the_start = state.skipped_in_a_row == state.step == _FIRST_UPDATES
        if not from_the_start and state.skipped_in_a_row <= recipe.rollback_after:
            return
        if from_the_start or state.rollbacks >= recipe.most_rollbacks:
            raise MrisynthError(
                f"Model {recipe.name}: the loss or its gradient was not finite in the last {state.skipped_in_a_row} "
                f"updates, at update {state.step} after {state.rollbacks} rollbacks; lower its learning rates or train "
                "in fp32 (precision)."
            )
        state.rollbacks += 1
        state.skipped_in_a_row = 0
        _restore(state, self._copies[0])
        _LOG.warning("update %d: not finite for too long; rollback %d to older weights", state.step, state.rollbacks)


def _copied(state: State) -> dict[str, Any]:
    return {kind: {name: _deep(part.state_dict()) for name, part in parts.items()} for kind, parts in _parts(state)}


def _restore(state: State, copy: Mapping[str, Any]) -> None:
    for kind, parts in _parts(state):
        for name, part in parts.items():
            part.load_state_dict(_deep(copy[kind][name]))


def _parts(state: State) -> list[tuple[str, Mapping[str, Any]]]:
    return [("networks", state.networks), ("averages", state.averages), ("optimisers", state.optimisers)]


def _deep(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _deep(entry) for key, entry in value.items()}
    return [_deep(entry) for entry in value] if isinstance(value, list) else value
