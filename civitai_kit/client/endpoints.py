"""Makes each call a method of both clients, with exact types: written once, blocking on one, awaited on the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import Signature, signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from civitai_kit.client import account, calls, look_ups, publications
from civitai_kit.client.conversation import Asker, Call
from civitai_kit.client.drivers import AsyncDriver, Driver
from civitai_kit.client.items import AsyncItems, Items
from civitai_kit.client.listing import Listing
from civitai_kit.core.site.models import SiteValue

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V", bound=SiteValue)


class Blocking:
    """A client whose methods give their result."""

    _driver: Driver


class Awaiting:
    """A client whose methods give something to await."""

    _driver: AsyncDriver


def _without_asker(build: Callable[..., Any]) -> Signature:
    """The signature that a user sees."""
    _, *rest = signature(build).parameters.values()
    return Signature(rest)


class endpoint(Generic[P, T]):
    """A call as a method: the blocking client returns its result, the asynchronous one an awaitable."""

    def __init__(self, build: Callable[Concatenate[Asker, P], Call[T]]) -> None:
        self._build = build
        self._shown = _without_asker(build)
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: None, owner: type[Any]) -> endpoint[P, T]: ...
    @overload
    def __get__(self, client: Blocking, owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type[Any]) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, client: Any, owner: type[Any]) -> Any:
        """The method of one client."""
        if client is None:
            return self

        @wraps(self._build)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client._driver.run(self._build(client._driver.asker, *args, **kwargs))

        method.__signature__ = self._shown  # type: ignore[attr-defined]  # what `help` shows
        return method


class listed(Generic[P, V]):
    """A listing as a method: an iterator of its items on one client, an asynchronous iterator on the other."""

    def __init__(self, build: Callable[Concatenate[Asker, P], Listing[V]]) -> None:
        self._build = build
        self._shown = _without_asker(build)
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: None, owner: type[Any]) -> listed[P, V]: ...
    @overload
    def __get__(self, client: Blocking, owner: type[Any]) -> Callable[P, Items[V]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type[Any]) -> Callable[P, AsyncItems[V]]: ...

    def __get__(self, client: Any, owner: type[Any]) -> Any:
        """The method of one client."""
        if client is None:
            return self

        @wraps(self._build)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client._driver.items(self._build(client._driver.asker, *args, **kwargs))

        method.__signature__ = self._shown  # type: ignore[attr-defined]  # what `help` shows
        return method


class Endpoints:
    """The methods of both clients. On AsyncClient, await single results and iterate listings with `async for`."""

    models = listed(calls.models)
    images = listed(calls.images)
    creators = listed(calls.creators)
    tags = listed(calls.tags)
    articles = listed(publications.articles)
    collections = listed(publications.collections)
    vault_items = listed(account.vault_items)
    models_page = endpoint(calls.models_page)
    images_page = endpoint(calls.images_page)
    creators_page = endpoint(calls.creators_page)
    tags_page = endpoint(calls.tags_page)
    articles_page = endpoint(publications.articles_page)
    collections_page = endpoint(publications.collections_page)
    vault_items_page = endpoint(account.vault_items_page)
    model = endpoint(look_ups.model)
    version = endpoint(look_ups.version)
    version_mini = endpoint(look_ups.version_mini)
    tensor_metadata = endpoint(look_ups.tensor_metadata)
    download_link = endpoint(look_ups.download_link)
    article = endpoint(publications.article)
    collection = endpoint(publications.collection)
    post = endpoint(look_ups.post)
    models_by_id = endpoint(look_ups.models_by_id)
    images_by_id = endpoint(look_ups.images_by_id)
    version_by_hash = endpoint(look_ups.version_by_hash)
    versions_by_hash = endpoint(look_ups.versions_by_hash)
    version_ids_by_hash = endpoint(look_ups.version_ids_by_hash)
    me = endpoint(account.me)
    may_generate = endpoint(account.may_generate)
    vault = endpoint(account.vault)
    in_vault = endpoint(account.in_vault)
    enums = endpoint(calls.enums)
    users = endpoint(calls.users)
    tag_exists = endpoint(calls.tag_exists)
