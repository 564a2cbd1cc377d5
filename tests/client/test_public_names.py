"""What `import civitai_kit` gives, and that it costs nothing until a name is used."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest

import civitai_kit
from tests.client import surface

ROOT = Path(civitai_kit.__file__).parents[1]

CONTRACT = [
    *("Client", "AsyncClient", "Page", "Model", "ModelVersion", "ModelFile", "Hashes", "Image", "Creator"),
    *("ModelType", "ModelSort", "ImageSort", "Period", "NsfwLevel", "CommercialUse", "RetryRules", "digests"),
    *("CivitaiKitError", "BadQuery", "Unauthorized", "Forbidden", "NotFound", "Gone", "RateLimited"),
    *("RegionBlocked", "Unavailable", "UnexpectedReply"),
]


@pytest.mark.parametrize("name", sorted({*CONTRACT, *civitai_kit.__all__}))
def test_a_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(civitai_kit, name) is not None
    assert name in civitai_kit.__all__ and name in dir(civitai_kit)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Manager'"):
        civitai_kit.Manager  # noqa: B018


def printed(*arguments: str) -> str:
    """What a fresh interpreter prints; its errors too, so that a failure shows them."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return (done.stdout + done.stderr).strip()


def test_the_import_alone_loads_nothing_heavy() -> None:
    heavy = "pydantic httpx2 anyio asyncio blake3 ssl pathlib civitai_kit.core civitai_kit.client civitai_kit.disk"
    program = f"import sys, civitai_kit; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_an_error_can_be_named_without_loading_the_client() -> None:
    program = "import sys; from civitai_kit import NotFound; print('httpx2' in sys.modules, 'pydantic' in sys.modules)"
    assert printed("-c", program) == "False False"


@pytest.mark.parametrize("name", ["BadQuery", "NotFound", "RateLimited", "Unavailable", "UnexpectedReply"])
def test_errors_of_the_site_carry_where_and_what(name: str) -> None:
    kind = getattr(civitai_kit, name)
    assert issubclass(kind, civitai_kit.CivitaiKitError)
    made = kind("words", status=418, endpoint="/api/v1/x", hint="do this")
    assert (made.status, made.endpoint, made.message, made.hint) == (418, "/api/v1/x", "words", "do this")


ERRORS = [name for name in civitai_kit.__all__ if issubclass(type(getattr(civitai_kit, name)), type)]
ERRORS = [name for name in ERRORS if issubclass(getattr(civitai_kit, name), Exception)]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_goes_to_another_process_with_all_its_parts(name: str) -> None:
    kind = getattr(civitai_kit, name)
    more = {"extra": "socks"} if kind is civitai_kit.ExtraMissing else {}
    made = kind("words", hint="do this", **more)
    made.status, made.received = 418, 7
    for again in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert type(again) is kind and str(again) == "words"
        assert vars(again) == vars(made)


def test_digests_are_named_as_the_site_names_them(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello world")
    assert civitai_kit.digests(path) == civitai_kit.digests(str(path))
    assert civitai_kit.digests(path) == {
        "SHA256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        "AutoV2": "b94d27b993",
        "AutoV3": civitai_kit.digests(path)["AutoV3"],
        "BLAKE3": "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
        "CRC32": "85114a0d",
    }


def test_a_file_that_cannot_be_read_is_one_of_our_errors(tmp_path: Path) -> None:
    with pytest.raises(civitai_kit.CivitaiKitError):
        civitai_kit.digests(tmp_path / "missing")


def test_both_clients_are_context_managers_that_close() -> None:
    with civitai_kit.Client() as client:
        assert isinstance(client, civitai_kit.Client)

    async def enter() -> civitai_kit.AsyncClient:
        async with civitai_kit.AsyncClient() as entered:
            return entered

    assert isinstance(asyncio.run(enter()), civitai_kit.AsyncClient)


def test_help_shows_what_a_user_may_say_and_nothing_of_ours() -> None:
    with civitai_kit.Client() as client:
        assert list(inspect.signature(client.model).parameters) == ["model_id"]
        assert list(inspect.signature(client.models).parameters) == ["cursor", "options"]
        assert (client.model.__doc__ or "").startswith("One model by its id")


def test_a_question_is_a_method_of_the_class_too() -> None:
    kind: Any = civitai_kit.Client
    assert str(inspect.signature(kind.model)) == "(self, model_id: 'int') -> 'Model'"
    assert str(inspect.signature(civitai_kit.AsyncClient().tags)).endswith("-> 'AsyncItems[Tag]'")
    assert inspect.iscoroutinefunction(civitai_kit.AsyncClient.model)
    assert "model(self, model_id: 'int') -> 'Model'" in pydoc.plain(pydoc.render_doc(civitai_kit.Client))


def test_a_client_can_be_stood_in_for_by_an_autospec() -> None:
    client = mock.create_autospec(civitai_kit.Client, instance=True)
    client.model.return_value = civitai_kit.Model(id=7)
    assert client.model(7).id == 7
    with pytest.raises(TypeError):
        client.model(7, 8)
    awaited = mock.create_autospec(civitai_kit.AsyncClient, instance=True)
    awaited.model.return_value = civitai_kit.Model(id=7)
    assert asyncio.run(awaited.model(7)).id == 7


def test_a_client_of_ones_own_may_answer_itself() -> None:
    class Own(civitai_kit.Client):
        def model(self, model_id: int) -> civitai_kit.Model:
            return civitai_kit.Model(id=model_id)

    with Own() as client:
        assert client.model(7).id == 7


FACADE = {
    *("models", "images", "creators", "tags", "models_page", "images_page", "creators_page", "tags_page"),
    *("model", "version", "post", "models_by_id", "images_by_id", "tag_exists", "me", "enums", "users"),
    *("version_by_hash", "versions_by_hash", "version_ids_by_hash", "version_mini", "tensor_metadata"),
    *("article", "articles", "articles_page", "collection", "collections", "collections_page", "download_link"),
    *("may_generate", "vault", "in_vault", "vault_items", "vault_items_page"),
}


def test_a_client_shows_its_questions_and_nothing_of_how_they_are_asked() -> None:
    assert public(civitai_kit.Client) == FACADE | {"close", "download"}
    assert public(civitai_kit.AsyncClient) == FACADE | {"aclose", "download"}
    with civitai_kit.Client() as client:
        assert public(client) == FACADE | {"close", "download"}


def public(thing: object) -> set[str]:
    """The names that nothing marks as private."""
    return {name for name in dir(thing) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("kind", "http", "said"),
    [
        (civitai_kit.Client, httpx2.AsyncClient, "the kind Client of httpx2 or httpx here, not AsyncClient"),
        (civitai_kit.AsyncClient, httpx2.Client, "the kind AsyncClient of httpx2 or httpx here, not Client"),
        (civitai_kit.Client, dict, "http takes an HTTP client, not dict"),
    ],
)
def test_an_http_client_of_the_wrong_kind_is_refused_at_once(kind: Any, http: Any, said: str) -> None:
    with pytest.raises(civitai_kit.UsageError, match=said):
        kind(http=http())


def test_the_public_surface_changes_only_with_the_changelog() -> None:
    changelog, before = surface.recorded()
    now = surface.surface()
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    told = "the changelog tells of it" if changelog != surface.unreleased() else "CHANGELOG.md does not tell of it"
    assert now == before, f"{told}; then: make surface\ngone: {gone}\nnew: {new}"
