"""What exists on the pretend site, and how to add to it and find it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from civitai_kit.sandbox.worlds import media
from civitai_kit.sandbox.worlds.bodies import Body, GivenBody, safetensors_body
from civitai_kit.sandbox.worlds.gallery import Gallery
from civitai_kit.sandbox.worlds.records import (
    EPOCH,
    UserRecord,
    WorldArticle,
    WorldCollection,
    WorldFile,
    WorldImage,
    WorldModel,
    WorldPost,
    WorldVersion,
    body_of,
)

NAMESPACE = UUID("6f1d3f6e-2a54-5b0c-9d3e-5a4bd0c1e001")
DEFAULT_METADATA = {"format": "SafeTensor", "size": "pruned", "fp": "fp16"}


@dataclass(slots=True)
class WorldContent:
    """Models, people, images and tags; empty when made."""

    models: dict[int, WorldModel] = field(default_factory=dict)
    """By id."""
    users: dict[str, UserRecord] = field(default_factory=dict)
    """By name in lower case."""
    images: Sequence[WorldImage] = field(default_factory=list)
    """The gallery, in the order of posting."""
    posts: dict[int, WorldPost] = field(default_factory=dict)
    """What is said of posts; one of which nothing is said has images all the same."""
    articles: dict[int, WorldArticle] = field(default_factory=dict)
    """By id."""
    collections: dict[int, WorldCollection] = field(default_factory=dict)
    """By id."""
    vault: list[int] | None = None
    """The versions in the vault of the key's owner; None for who is no member."""
    tags: dict[str, int] = field(default_factory=dict)
    """The ids of tags, by name."""
    blocked_tags: set[str] = field(default_factory=set)
    """Tags of which the site lists nothing."""
    _files: dict[int, tuple[WorldVersion, WorldFile]] = field(default_factory=dict, repr=False)
    _versions: dict[int, WorldVersion] = field(default_factory=dict, repr=False)

    # -- adding -----------------------------------------------------------------------------------------------

    def add_user(self, username: str | None, **fields: Any) -> UserRecord:
        """The user of that name, made when there is none."""
        key = (username or "").lower()
        if key not in self.users:
            self.users[key] = UserRecord(id=5000 + len(self.users), username=username, **fields)
        return self.users[key]

    def add_model(
        self, name: str, *, id: int | None = None, username: str | None = "sandbox_artist", **fields: Any
    ) -> WorldModel:
        """A new model without versions; `fields` are those of `WorldModel`."""
        number = id if id is not None else max(self.models, default=1000) + 1
        model = WorldModel(id=number, name=name, user=self.add_user(username), **fields)
        for tag in model.tags:
            self.tags.setdefault(tag, len(self.tags) + 1)
        self.models[number] = model
        return model

    def add_version(
        self, model: WorldModel, name: str = "v1.0", *, id: int | None = None, **fields: Any
    ) -> WorldVersion:
        """A new version after the ones that are there; index 0 is what the site calls newest."""
        index = len(model.versions)
        number = id if id is not None else self._free(self._versions, model.id * 100 + index + 1)
        when = EPOCH + timedelta(minutes=model.id % 250_000) - timedelta(days=index)
        fields.setdefault("published_at", when)
        fields.setdefault("created_at", when - timedelta(hours=1))
        fields.setdefault("updated_at", when)
        fields.setdefault("nsfw_level", model.nsfw_level)
        version = WorldVersion(id=number, model_id=model.id, name=name, index=index, **fields)
        model.versions.append(version)
        self._versions[number] = version
        return version

    def add_file(
        self,
        version: WorldVersion,
        name: str,
        *,
        size: int = 4096,
        content: bytes | Body | None = None,
        id: int | None = None,
        **fields: Any,
    ) -> WorldFile:
        """A new file: of the given bytes, else a valid safetensors of `size` bytes made from the name and id."""
        number = id if id is not None else self._free(self._files, version.id * 10 + len(version.files) + 1)
        body = safetensors_body(f"{number}/{name}", size) if content is None else body_of(content)
        fields.setdefault("metadata", dict(DEFAULT_METADATA))
        file = WorldFile(id=number, name=name, body=body, **fields)
        version.files.append(file)
        self._files[number] = (version, file)
        return file

    def add_image(
        self,
        *,
        version: WorldVersion | None = None,
        id: int | None = None,
        content: bytes | Body | None = None,
        broken: bool = False,
        **fields: Any,
    ) -> WorldImage:
        """A new image, shown by `version` when given; without `content` a small PNG; a `broken` one has no bytes."""
        number = id if id is not None else 70_000_001 + len(self.images)
        body = body_of(media.png(text=f"image {number}") if content is None else content)
        if version is not None:
            owner = self.models[version.model_id].user
            fields.setdefault("version_ids", [version.id])
            fields.setdefault("model_id", version.model_id)
            fields.setdefault("base_model", version.base_model)
            fields.setdefault("username", owner.username if owner else None)
        fields.setdefault("created_at", EPOCH + timedelta(minutes=number % 100_000))
        fields.setdefault("resized", GivenBody(media.webp(f"resized {number}")))
        image = WorldImage(id=number, uuid=_uuid_of(number), body=None if broken else body, **fields)
        if image.username and image.user_id is None:
            image.user_id = self.add_user(image.username).id
        self._append_image(image)
        if version is not None:
            version.images.append(image)
        return image

    def add_simple(self, name: str, *, size: int = 4096, **fields: Any) -> WorldModel:
        """A model with one version holding one file and one image: the usual case in one line."""
        model = self.add_model(name, **fields)
        version = self.add_version(model)
        self.add_file(version, f"model_{model.id}.safetensors", size=size)
        self.add_image(version=version)
        return model

    # -- finding ----------------------------------------------------------------------------------------------

    def version(self, version_id: int) -> WorldVersion | None:
        """The version of that id."""
        return self._versions.get(version_id)

    def file(self, file_id: int) -> tuple[WorldVersion, WorldFile] | None:
        """The version and file of that file id."""
        return self._files.get(file_id)

    def versions_by_hash(self, value: str) -> list[tuple[WorldVersion, WorldFile]]:
        """Files with that hash of any kind whose version and model are published, oldest version first."""
        wanted = value.upper()
        found = [
            (version, file)
            for version, file in self._files.values()
            if self._published(version) and wanted in {shown.upper() for shown in file.shown_hashes.values()}
        ]
        return sorted(found, key=lambda pair: (pair[0].published_at or EPOCH, pair[0].id))

    def image_by_uuid(self, uuid: str) -> WorldImage | None:
        """The image whose delivery URL holds that uuid."""
        if isinstance(self.images, Gallery):
            return self.images.by_uuid(uuid)
        return next((image for image in self.images if image.uuid == uuid), None)

    def remove_model(self, model_id: int) -> None:
        """Forget a model, its versions and files, as when its creator deletes it."""
        for version in self.models.pop(model_id).versions:
            del self._versions[version.id]
            for file in version.files:
                del self._files[file.id]

    def remove_file(self, file_id: int) -> None:
        """Forget one file."""
        version, file = self._files.pop(file_id)
        version.files.remove(file)

    def all_files(self) -> Iterator[WorldFile]:
        """Every file of the world."""
        return (file for _, file in self._files.values())

    # -- private ----------------------------------------------------------------------------------------------

    def _published(self, version: WorldVersion) -> bool:
        return version.status == "Published" and self.models[version.model_id].status == "Published"

    def _append_image(self, image: WorldImage) -> None:
        if not isinstance(self.images, list):
            raise TypeError("this world's gallery is made on the fly and takes no single images")
        self.images.append(image)

    @staticmethod
    def _free(taken: dict[int, Any], first: int) -> int:
        return next(number for number in itertools.count(first) if number not in taken)


@lru_cache(1024)
def _uuid_of(image: int) -> str:
    return str(uuid5(NAMESPACE, str(image)))
