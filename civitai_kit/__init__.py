"""Civitai from Python: a typed client, the models of its answers, its errors, and a file's digests.

Names are loaded when first used, so `import civitai_kit` costs next to nothing.
"""

# Type checkers take this for true; to import `typing` would be most of what this module costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from civitai_kit.client.exchange import Exchange
    from civitai_kit.client.items import AsyncItems, Items
    from civitai_kit.client.pacing import Pace, PacePolicy
    from civitai_kit.client.user_http import AsyncHttp, SyncHttp
    from civitai_kit.core.errors import (
        BadQuery,
        CivitaiKitError,
        DiskError,
        DiskFull,
        ExtraMissing,
        Forbidden,
        Gone,
        HashMismatch,
        NotAModel,
        NotFound,
        NotWritable,
        RateLimited,
        RegionBlocked,
        SiteError,
        SizeMismatch,
        TransferError,
        Unauthorized,
        Unavailable,
        UnexpectedReply,
        UsageError,
    )
    from civitai_kit.core.retry import FailedTry, RetryPolicy, RetryRules, Trouble
    from civitai_kit.core.site.enums import (
        ArticleSort,
        Availability,
        BadOption,
        CheckpointType,
        CollectionSort,
        CommercialUse,
        ImageSort,
        MediaType,
        ModelSort,
        ModelType,
        NsfwLevel,
        Period,
        PeriodMode,
        VaultSort,
    )
    from civitai_kit.core.site.file_answers import DtypeShare, TensorInfo, TensorMetadata, VersionBrief
    from civitai_kit.core.site.models import (
        Creator,
        FileTraits,
        Hashes,
        HashOwner,
        Image,
        Model,
        ModelFile,
        ModelVersion,
        Page,
        PaidAccess,
        Preview,
        Tag,
        User,
        VersionOwner,
    )
    from civitai_kit.core.site.posts import Post
    from civitai_kit.core.site.publications import Article, Collection
    from civitai_kit.core.site.query_options import ImageOptions, ModelOptions
    from civitai_kit.core.site.signed_links import DownloadLink
    from civitai_kit.core.site.vault import Vault, VaultFile, VaultItem
    from civitai_kit.core.version import __version__
    from civitai_kit.kit.python_client import AsyncClient, Client
    from civitai_kit.kit.single_file import Downloaded

__all__ = [
    "Article",
    "ArticleSort",
    "AsyncClient",
    "AsyncHttp",
    "AsyncItems",
    "Availability",
    "BadOption",
    "BadQuery",
    "CheckpointType",
    "CivitaiKitError",
    "Client",
    "Collection",
    "CollectionSort",
    "CommercialUse",
    "Creator",
    "DiskError",
    "DiskFull",
    "DownloadLink",
    "Downloaded",
    "DtypeShare",
    "Exchange",
    "ExtraMissing",
    "FailedTry",
    "FileTraits",
    "Forbidden",
    "Gone",
    "HashMismatch",
    "HashOwner",
    "Hashes",
    "Image",
    "ImageOptions",
    "ImageSort",
    "Items",
    "MediaType",
    "Model",
    "ModelFile",
    "ModelOptions",
    "ModelSort",
    "ModelType",
    "ModelVersion",
    "NotAModel",
    "NotFound",
    "NotWritable",
    "NsfwLevel",
    "Pace",
    "PacePolicy",
    "Page",
    "PaidAccess",
    "Period",
    "PeriodMode",
    "Post",
    "Preview",
    "RateLimited",
    "RegionBlocked",
    "RetryPolicy",
    "RetryRules",
    "SiteError",
    "SizeMismatch",
    "SyncHttp",
    "Tag",
    "TensorInfo",
    "TensorMetadata",
    "TransferError",
    "Trouble",
    "Unauthorized",
    "Unavailable",
    "UnexpectedReply",
    "UsageError",
    "User",
    "Vault",
    "VaultFile",
    "VaultItem",
    "VaultSort",
    "VersionBrief",
    "VersionOwner",
    "__version__",
    "digests",
]

# Where the names are at home, the quickest to load first.
_HOMES = (
    "core.version",
    "core.errors",
    "core.site.enums",
    "core.retry",
    "core.site.models",
    "core.site.posts",
    "core.site.publications",
    "core.site.vault",
    "core.site.file_answers",
    "core.site.query_options",
    "core.site.signed_links",
    "client.pacing",
    "client.items",
    "client.user_http",
    "client.exchange",
    "kit.python_client",
    "kit.single_file",
)


def digests(path: "str | PathLike[str]") -> dict[str, str]:
    """Every digest of a file by the site's names (`SHA256`, `AutoV1` …) as lower-case hex, in one read.

    A digest that does not apply to the file is missing (site.md 10.3); raises a CivitaiKitError when it cannot
    be read.
    """
    from importlib import import_module
    from pathlib import Path

    found: dict[str, str] = import_module("civitai_kit.disk.hashing").digest_file(Path(path)).as_site_names()
    return found


def __getattr__(name: str) -> "Any":
    """Load a public name from its home when it is first asked for."""
    from importlib import import_module

    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
