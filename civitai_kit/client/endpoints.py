"""Makes each call a method of both clients, with exact types: written once, blocking on one, awaited on the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import Parameter, Signature, signature
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

    def __init_subclass__(cls) -> None:
        """Put plain functions in place of the questions."""
        _put_methods(cls, awaits=False)


class Awaiting:
    """A client whose methods give something to await."""

    _driver: AsyncDriver

    def __init_subclass__(cls) -> None:
        """Put plain functions in place of the questions."""
        _put_methods(cls, awaits=True)


class endpoint(Generic[P, T]):
    """A call that becomes a method: the blocking client returns its result, the asynchronous one awaits it."""

    def __init__(self, build: Callable[Concatenate[Asker, P], Call[T]]) -> None:
        self.build = build

    @overload
    def __get__(self, client: None, owner: type[Any]) -> endpoint[P, T]: ...
    @overload
    def __get__(self, client: Blocking, owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, client: Any, owner: type[Any]) -> Any:
        """Itself: no client has it any more, each has a function in its place."""
        return self

    def method(self, *, awaits: bool) -> Callable[..., Any]:
        """The function of one of the clients."""
        build = self.build

        def blocking(client: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return client._driver.run(build(client._driver.asker, *args, **kwargs))

        async def awaiting(client: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return await client._driver.run(build(client._driver.asker, *args, **kwargs))

        return awaiting if awaits else blocking


class listed(Generic[P, V]):
    """A listing that becomes a method: an iterator of its items on one client, an asynchronous one on the other."""

    def __init__(self, build: Callable[Concatenate[Asker, P], Listing[V]]) -> None:
        self.build = build

    @overload
    def __get__(self, client: None, owner: type[Any]) -> listed[P, V]: ...
    @overload
    def __get__(self, client: Blocking, owner: type[Any]) -> Callable[P, Items[V]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type[Any]) -> Callable[P, AsyncItems[V]]: ...

    def __get__(self, client: Any, owner: type[Any]) -> Any:
        """Itself, as that of an endpoint."""
        return self

    def method(self, *, awaits: bool) -> Callable[..., Any]:
        """The function of either client."""
        build = self.build

        def listing(client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            return client._driver.items(build(client._driver.asker, *args, **kwargs))

        return listing


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


def _put_methods(client: type, *, awaits: bool) -> None:
    """Give a client what `help`, `inspect` and `mock.create_autospec` take for methods."""
    for name, asked in vars(Endpoints).items():
        if isinstance(asked, endpoint | listed) and getattr(client, name) is asked:
            method: Any = wraps(asked.build)(asked.method(awaits=awaits))
            method.__qualname__ = f"{client.__qualname__}.{name}"
            method.__signature__ = _as_shown(asked.build, awaits=awaits)
            setattr(client, name, method)


def _as_shown(build: Callable[..., Any], *, awaits: bool) -> Signature:
    """The signature that a user sees."""
    made = signature(build)
    _, *rest = made.parameters.values()
    result = re.sub(r"^Call\[(.*)\]$", r"\1", made.return_annotation)
    result = re.sub(r"^Listing\b", "AsyncItems" if awaits else "Items", result)
    return Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *rest], return_annotation=result)
