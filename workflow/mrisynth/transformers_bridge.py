"""transformers, also where torchvision cannot be imported: import it from here, before anything else imports it.

A torchvision that was built for another torch fails when it is imported (``operator torchvision::nms does not exist``),
and transformers, which sees that it is installed and needs none of it here, fails with it.
"""

from __future__ import annotations

import logging
import sys

_LOG = logging.getLogger(__name__)


def _hide_broken_torchvision() -> None:
    if "transformers" in sys.modules:
        return  # it has looked already
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        if not isinstance(error, ModuleNotFoundError):
            _LOG.info("torchvision cannot be imported (%s); transformers goes without it", error)
        sys.modules["torchvision"] = None  # type: ignore[assignment]


_hide_broken_torchvision()

import transformers  # noqa: E402

__all__ = ["transformers"]
