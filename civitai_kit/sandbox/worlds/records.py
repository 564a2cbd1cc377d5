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
    """When it opens for everybody."""

    @property
    def permanent(self) -> bool:
        """Whether the gate never opens by itself."""
        return self.ends_at is None


@dataclass(slots=True, kw_only=True)
class WorldFile:
    """One downloadable; what it may be given in `World.add_file`."""

    id: int
    name: str
    """The name under which it was uploaded; what the site shows is made of it (site.md 7.4)."""
    body: Body
    """Its bytes."""
    type: str = "Model"
    metadata: dict[str, str] = field(default_factory=dict)
    """`format`, `size`, `fp`, `quantType`."""
    override_name: str | None = None
    """The name to show, whatever the rules say."""
    visibility: str = "Public"
    """`Public`, or a word for what is not listed."""
    hashes: dict[str, str] | None = None
    """What the site says of its digests; None for those of the bytes."""
    header_hash: str | None = None
    """What its header says of a hash."""
    crc32_reversed: bool = False
    """Whether the site lists the CRC32's bytes from the last to the first (site.md 10.3)."""
    size_kb: float | None = None
    """What the site says of its size; None for the truth."""
    pickle_scan: str = "Success"
    """What the scan for pickles said."""
    pickle_message: str | None = "No Pickle imports"
    """And in words."""
    virus_scan: str = "Success"
    """What the scan for viruses said."""
    virus_message: str | None = None
    """And in words."""
    scanned_at: datetime | None = EPOCH
    """When it was scanned."""
    replaced: bool = False
    """Whether a newer upload has taken its place (site.md 4)."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More of what the site answers, by the site's names; goes over everything else."""

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
    """A picture or clip; what it may be given in `World.add_image`. Fields with the names of `Image` mean the same."""

    id: int
    uuid: str
    """Its name in addresses of the image host."""
    body: Body | None
    """Its bytes; None where the image host no longer has them."""
    content_type: str = "image/png"
    """What the image host says of its bytes."""
    poster: Body | None = None
    """The still picture of a clip."""
    poster_only: bool = False
    """Whether a clip is answered with its poster unless a quality is asked for (site.md 8.4)."""
    resized: Body | None = None
    """The site's smaller picture."""
    type: str = "image"
    username: str | None = None
    user_id: int | None = None
    """The number of the account that posted it."""
    post_id: int | None = None
    model_id: int | None = None
    """The model of which it is."""
    version_ids: list[int] = field(default_factory=list)
    """The versions that made it."""
    nsfw_level: int = 1
    """One of the bits of `NsfwLevel`."""
    width: int | None = 8
    height: int | None = 8
    blurhash: str | None = "U03[~qfQfQfQ~qfQfQfQfQfQfQfQ~qfQfQfQ"
    """A blur of it in some letters."""
    meta: dict[str, Any] | None = None
    base_model: str | None = None
    tags: dict[int, str] = field(default_factory=dict)
    """Names of tags by their ids."""
    stats: dict[str, int] = field(default_factory=dict)
    created_at: datetime = EPOCH
    minor: bool = False
    """Whether it shows somebody who looks young: then it is not listed."""
    poi: bool = False
    url: str | None = None
    """Another address than the usual one."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More of what the site answers, by the site's names; goes over everything else."""

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
    """One release of a model; what it may be given in `World.add_version`.

    Fields with the names of `ModelVersion` mean the same; `downloads`, `thumbs_up` and `thumbs_down` are shown in
    `stats`.
    """

    id: int
    model_id: int
    name: str
    index: int
    """Its place among the model's versions; 0 is the one in front."""
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
    """`Download`, or a word for what may not be downloaded."""
    require_auth: bool = False
    """Whether a download wants a key whatever the world says."""
    granted: bool = True
    """Whether a signed-in caller has been given access (site.md 7.2, check 11)."""
    paid: WorldPaidAccess | None = None
    """The gate before its downloads, if any."""
    linked_vae: int | None = None
    """Id of a file of another version that is listed here too."""
    supports_generation: bool = True
    upload_type: str = "Created"
    """`Created`, or `Trained` on the site."""
    downloads: int | None = 100
    thumbs_up: int = 10
    thumbs_down: int = 1
    files: list[WorldFile] = field(default_factory=list)
    images: list[WorldImage] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    """More of what the site answers, by the site's names; goes over everything else."""


@dataclass(slots=True, kw_only=True)
class WorldModel:
    """One published resource; what it may be given in `World.add_model`.

    Fields with the names of `Model` mean the same; `downloads`, `thumbs_up`, `thumbs_down`, `comments`, `collected` and
    `tipped` are shown in `stats`.
    """

    id: int
    name: str
    type: str = "LORA"
    user: UserRecord | None = None
    """Its creator; None for the site's own account."""
    description: str | None = "<p>Made for the sandbox.</p>"
    tags: list[str] = field(default_factory=list)
    mode: str | None = None
    status: str = "Published"
    """`Published`, `Draft` …: only a published one is shown."""
    availability: str = "Public"
    nsfw: bool = False
    nsfw_level: int = 1
    poi: bool = False
    minor: bool = False
    """Whether it shows somebody who looks young."""
    sfw_only: bool = False
    """Whether the site keeps its levels down."""
    allow_no_credit: bool = True
    allow_commercial_use: Any = field(default_factory=lambda: ["Image", "RentCivit"])
    allow_derivatives: bool = True
    allow_different_license: bool = True
    checkpoint_type: str | None = None
    """`Trained` or `Merge`."""
    supports_generation: bool = True
    downloads: int | None = 100
    thumbs_up: int = 10
    thumbs_down: int = 1
    comments: int = 0
    collected: int = 0
    tipped: int | None = 0
    hide_stats: bool = False
    """Whether its creator hides the numbers."""
    versions: list[WorldVersion] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    """More of what the site answers, by the site's names; goes over everything else."""

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
