"""Civitai from Python: a typed client, the models of its answers, its errors, and a file's digests.

Names are loaded when first used, so `import civitai_kit` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from civitai_kit.client.drivers import AsyncClient as AsyncClient
    from civitai_kit.client.drivers import Client as Client
    from civitai_kit.core.errors import BadQuery as BadQuery
    from civitai_kit.core.errors import CivitaiKitError as CivitaiKitError

__version__ = "0.1.0"
