"""What an account has and may: the key's owner, its vault, and permissions (site.md 9, 9.3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from civitai_kit.client.conversation import Asker, Call
from civitai_kit.client.listing import Listing
from civitai_kit.client.shapes import is_list, is_permissions, is_value, is_vault, is_vault_page
from civitai_kit.core.site.enums import ModelType, VaultSort
from civitai_kit.core.site.models import User
from civitai_kit.core.site.option_values import known, known_or_as_given, listed, numbers, page_size, positive, text
from civitai_kit.core.site.paging import Cursor, Page, page_of, rows_of, with_cursor
from civitai_kit.core.site.reading import an_object, integer, mapping, objects
from civitai_kit.core.site.vault import Vault, VaultItem

# The most that the site gives in one page (site.md 9.3), and ids that fit well into a URL.
VAULT_PAGE = 200
IDS_A_QUESTION = 100

Params = list[tuple[str, str]]


def me(asker: Asker) -> Call[User]:
    """The account of the key, with `tier` and `status`; raises Unauthorized without a good one (site.md 9)."""
    return User.model_validate((yield from asker.get("/me", is_value)))


def may_generate(
    asker: Asker, version_ids: int | Iterable[int], *, user_id: int | None = None
) -> Call[dict[int, bool]]:
    """Whether versions, by their ids, may be used for generation on the site: by anybody or `user_id` (site.md 9)."""
    user = positive("user_id", user_id)
    more: Params = [("userId", str(user))] if user else []
    found: dict[int, bool] = {}
    for part in _parts(numbers("version_ids", version_ids)):
        asked: Params = [("entityIds", ",".join(map(str, part))), *more]
        answer = mapping((yield from asker.get("/permissions/check", is_permissions, asked)))
        found |= {number: answer.get(str(number)) is True for number in part}
    return found


def vault(asker: Asker) -> Call[Vault | None]:
    """The vault of the key's owner, None for who is no member; the first call makes it (site.md 9.3).

    Raises Unauthorized without a good key, as all that is about the vault.
    """
    said = an_object((yield from asker.get("/vault/get", is_vault))["vault"])
    return None if said is None else Vault.model_validate(said)


def vault_items(
    asker: Asker,
    *,
    query: str | None = None,
    types: ModelType | str | Iterable[ModelType | str] = (),
    base_models: str | Iterable[str] = (),
    sort: VaultSort | str | None = None,
    limit: int = VAULT_PAGE,
    cursor: Cursor | None = None,
) -> Listing[VaultItem]:
    """All that is in the vault, each once (site.md 9.3).

    `query` is a part of a name, `limit` the page size, 1 to 200, `cursor` a page's number.
    """
    params = _vault_params(query, types, base_models, sort, limit)
    return Listing(partial(_vault_page, asker, params), _id_of, cursor)


def vault_items_page(
    asker: Asker,
    *,
    query: str | None = None,
    types: ModelType | str | Iterable[ModelType | str] = (),
    base_models: str | Iterable[str] = (),
    sort: VaultSort | str | None = None,
    limit: int = VAULT_PAGE,
    cursor: int | None = None,
) -> Call[Page[VaultItem]]:
    """One page of what is in the vault; `limit` 1 to 200, `cursor` the page's number (site.md 9.3)."""
    return _vault_page(asker, _vault_params(query, types, base_models, sort, limit), cursor)


def in_vault(asker: Asker, version_ids: int | Iterable[int]) -> Call[dict[int, VaultItem | None]]:
    """What the vault holds of these versions, None for those that it does not have (site.md 9.3)."""
    wanted = numbers("version_ids", version_ids)
    found: dict[int, VaultItem | None] = dict.fromkeys(wanted)
    for part in _parts(wanted):
        asked = [("modelVersionIds", ",".join(map(str, part)))]
        for row in objects((yield from asker.get("/vault/check-vault", is_list, asked))):
            number, item = integer(row.get("modelVersionId")), an_object(row.get("vaultItem"))
            if number in found and item is not None:
                found[number] = VaultItem.model_validate(item)
    return found


def _vault_params(query: str | None, types: Any, base_models: Any, sort: VaultSort | str | None, limit: int) -> Params:
    asked, order = text("query", query, blank=True), known("sort", VaultSort, sort)
    # The site takes a list only as repeated keys, and one alone as none (site.md 9.3).
    return [
        ("limit", str(page_size(limit, VAULT_PAGE))),
        *([("query", asked)] if asked else []),
        *_repeated("types", known_or_as_given(ModelType, listed("types", types))),
        *_repeated("baseModels", listed("base_models", base_models)),
        *([("sort", str(order))] if order else []),
    ]


def _repeated(name: str, values: tuple[str, ...]) -> Params:
    return [(name, value) for value in (values * 2 if len(values) == 1 else values)]


def _vault_page(asker: Asker, params: Params, cursor: Cursor | None) -> Call[Page[VaultItem]]:
    number = positive("cursor", cursor) or 1
    answer = yield from asker.get("/vault/all", is_vault_page, [*params, ("page", str(number))])
    page = page_of(VaultItem.model_validate, answer)
    total = integer(answer.get("totalPages")) or 0
    return with_cursor(page, number + 1 if rows_of(page) and total > number else None)


def _parts(wanted: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    return (wanted[at : at + IDS_A_QUESTION] for at in range(0, len(wanted), IDS_A_QUESTION))


def _id_of(row: dict[str, Any]) -> int | None:
    return integer(row.get("id"))
