"""What the pretend site knows: people, models, versions, files and images, as plain records that tests may change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from civitai_kit.sandbox.worlds.bodies import Body, GivenBody

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class UserRecord:
    """A person; `system` marks the site's own account, whose models show no creator."""

    id: int
    username: str | None
    image: str | None = None
    system: bool = False
    link_models: bool = True


@dataclass(slots=True, kw_only=True)
class WorldPaidAccess:
    """A paid gate; without an end it never opens."""

    ends_at: datetime | None = None

    @property
    def permanent(self) -> bool:
        """Whether the gate never opens by itself."""
        return self.ends_at is None


@dataclass(slots=True, kw_only=True)
class WorldFile:
    """One downloadable; `name` is the stored upload name, `hashes` None stands for those of the bytes.

    `header_hash` is what its header says of a hash, `crc32_reversed` that the site lists the CRC32's bytes from the
    last to the first (site.md 10.3).
    """

    id: int
    name: str
    body: Body
    type: str = "Model"
    metadata: dict[str, str] = field(default_factory=dict)
    override_name: str | None = None
    visibility: str = "Public"
    hashes: dict[str, str] | None = None
    header_hash: str | None = None
    crc32_reversed: bool = False
    size_kb: float | None = None
    pickle_scan: str = "Success"
    pickle_message: str | None = "No Pickle imports"
    virus_scan: str = "Success"
    virus_message: str | None = None
    scanned_at: datetime | None = EPOCH
    replaced: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def shown_hashes(self) -> dict[str, str]:
        """The hashes the API shows."""
        if self.hashes is not None:
            return self.hashes
        shown = dict(self.body.digests)
        shown["SHA256_12"] = shown["SHA256"][:12]
        if self.crc32_reversed:
            shown["CRC32"] = bytes.fromhex(shown["CRC32"])[::-1].hex().upper()
        if self.header_hash is not None and self.header_hash[:12].upper() not in shown.values():
            shown["SSHS_12"] = self.header_hash[:12].upper()
        return shown

    @property
    def shown_size(self) -> float:
        """The size in KB of 1024 bytes that the API shows."""
        return self.body.size / 1024 if self.size_kb is None else self.size_kb


@dataclass(slots=True, kw_only=True)
class WorldImage:
    """A picture or clip; `body` None means that the image host no longer has it."""

    id: int
    uuid: str
    body: Body | None
    content_type: str = "image/png"
    poster: Body | None = None
    poster_only: bool = False
    """Whether a clip is answered with its poster unless a quality is asked for (site.md 8.4)."""
    resized: Body | None = None
    type: str = "image"
    username: str | None = None
    user_id: int | None = None
    post_id: int | None = None
    model_id: int | None = None
    version_ids: list[int] = field(default_factory=list)
    nsfw_level: int = 1
    width: int | None = 8
    height: int | None = 8
    blurhash: str | None = "U03[~qfQfQfQ~qfQfQfQfQfQfQfQ~qfQfQfQ"
    meta: dict[str, Any] | None = None
    base_model: str | None = None
    tags: dict[int, str] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    created_at: datetime = EPOCH
    minor: bool = False
    poi: bool = False
    url: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def extension(self) -> str:
        """The extension that the site puts in URLs, whatever the bytes are (site.md 8.4)."""
        return {"video": "mp4", "audio": "mp3"}.get(self.type, "jpeg")


@dataclass(slots=True, kw_only=True)
class WorldPost:
    """What is said of a post beside its images, which name it themselves."""

    title: str | None = None
    detail: str | None = None
    tags: dict[int, str] = field(default_factory=dict)
    status: str = "Published"
    published_at: datetime = EPOCH


@dataclass(slots=True, kw_only=True)
class WorldArticle:
    """What somebody wrote."""

    id: int
    title: str
    user: UserRecord
    content: str = "<p>Words.</p>"
    tags: dict[int, str] = field(default_factory=dict)
    nsfw_level: int = 1
    likes: int = 0
    status: str = "Published"
    published_at: datetime = EPOCH


@dataclass(slots=True, kw_only=True)
class WorldCollection:
    """What somebody gathered; `read` is Public, Unlisted or Private."""

    id: int
    name: str
    user: UserRecord
    description: str | None = None
    type: str | None = "Model"
    mode: str | None = None
    read: str = "Public"
    nsfw_level: int = 1
    items: int = 0
    followers: int = 0
    tags: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class WorldVersion:
    """One release of a model."""

    id: int
    model_id: int
    name: str
    index: int
    base_model: str = "SDXL 1.0"
    base_model_type: str | None = "Standard"
    published_at: datetime | None = EPOCH
    created_at: datetime = EPOCH
    updated_at: datetime = EPOCH
    status: str = "Published"
    availability: str = "Public"
    nsfw_level: int = 1
    description: str | None = None
    trained_words: list[str] = field(default_factory=list)
    usage_control: str = "Download"
    require_auth: bool = False
    granted: bool = True
    """Whether a signed-in caller has been given access (site.md 7.2, check 11)."""
    paid: WorldPaidAccess | None = None
    linked_vae: int | None = None
    """Id of a file of another version that is listed here too."""
    supports_generation: bool = True
    upload_type: str = "Created"
    downloads: int | None = 100
    thumbs_up: int = 10
    thumbs_down: int = 1
    files: list[WorldFile] = field(default_factory=list)
    images: list[WorldImage] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class WorldModel:
    """One published resource."""

    id: int
    name: str
    type: str = "LORA"
    user: UserRecord | None = None
    description: str | None = "<p>Made for the sandbox.</p>"
    tags: list[str] = field(default_factory=list)
    mode: str | None = None
    status: str = "Published"
    availability: str = "Public"
    nsfw: bool = False
    nsfw_level: int = 1
    poi: bool = False
    minor: bool = False
    sfw_only: bool = False
    allow_no_credit: bool = True
    allow_commercial_use: Any = field(default_factory=lambda: ["Image", "RentCivit"])
    allow_derivatives: bool = True
    allow_different_license: bool = True
    checkpoint_type: str | None = None
    supports_generation: bool = True
    downloads: int | None = 100
    thumbs_up: int = 10
    thumbs_down: int = 1
    comments: int = 0
    collected: int = 0
    tipped: int | None = 0
    hide_stats: bool = False
    versions: list[WorldVersion] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def last_version_at(self) -> datetime:
        """When the newest version came out; what `Newest` sorts by."""
        return max((v.published_at for v in self.versions if v.published_at), default=EPOCH)

    @property
    def image_count(self) -> int:
        """How many pictures its versions show."""
        return sum(len(version.images) for version in self.versions)


def body_of(content: bytes | Body) -> Body:
    """The body for bytes given outright, or the body itself."""
    return GivenBody(content) if isinstance(content, bytes) else content
