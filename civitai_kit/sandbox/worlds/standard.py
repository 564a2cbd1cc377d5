"""The standard world: a model for each state that models of the real site are in, under ids that never change."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime
from enum import IntEnum

from civitai_kit.sandbox.worlds.bodies import GivenBody, safetensors_body
from civitai_kit.sandbox.worlds.content import WorldContent
from civitai_kit.sandbox.worlds.records import WorldModel, WorldPaidAccess
from civitai_kit.sandbox.worlds.standard_gallery import fill_gallery, fill_publications

FAR = datetime(2099, 1, 1, tzinfo=UTC)
MIB = 1024 * 1024


class Known(IntEnum):
    """Model ids of the standard world; versions are id * 100 + n, files version * 10 + n, n from 1."""

    PLAIN_LORA = 1001
    CHECKPOINT_VARIANTS = 1002
    IDENTICAL_FILES = 1003
    DUPLICATE_NAMES = 1004
    LINKED_VAE = 1005
    HIDDEN_PRIMARY = 1006
    NO_HASHES = 1007
    GGUF = 1008
    TRAINING_DATA = 1009
    EMBEDDING = 1010
    ARCHIVED = 1011
    TAKEN_DOWN = 1012
    NO_FILES = 1013
    NO_VERSIONS = 1014
    UNRATED = 1015
    PRIVATE = 1016
    EARLY_ACCESS = 1017
    PAID_FOR_EVER = 1018
    GENERATION_ONLY = 1019
    LOGIN_REQUIRED = 1020
    REAL_PERSON = 1021
    NO_CREATOR = 1022
    SHARED_HASH = 1023
    NASTY_NAMES = 1024
    LITERAL_LICENCE = 1025
    SINGLE_LICENCE = 1026
    SPACED_TAG = 1027
    DANGEROUS = 1028
    MANY_VERSIONS = 1029
    WORKFLOW = 1030
    VAE_OWNER = 1031
    MATURE = 1032
    NOT_GRANTED = 1033
    SAME_NAME = 1034
    OLD_PICKLE = 1035
    WRONG_SIZE = 1036
    LOCON = 1037
    HIDDEN_VERSIONS = 1038
    FLUX = 1039
    DORA = 1040


def fill(world: WorldContent) -> None:
    """Put the standard content into an empty world."""
    world.blocked_tags.add("blocked tag")
    world.tags["blocked tag"] = 1
    for part in (
        _ordinary,
        _variants,
        _several_files,
        _other_formats,
        _gone,
        _gated,
        _odd_people,
        _odd_names,
        _odd_files,
    ):
        part(world)
    fill_gallery(world)
    fill_publications(world)


def _ordinary(world: WorldContent) -> None:
    plain = world.add_model(
        "Plain Line Art", id=Known.PLAIN_LORA, tags=["style", "line art", "anime"], thumbs_up=900, downloads=5000
    )
    for name, base_model in (("v3 Pony", "Pony"), ("v2.0", "SDXL 1.0"), ("v1.0", "SD 1.5")):
        version = world.add_version(plain, name, base_model=base_model, trained_words=["plainline"])
        world.add_file(
            version,
            f"plain_line_{version.index}.safetensors",
            size=40_000 + version.index,
            metadata={"format": "SafeTensor"},
        )
        world.add_image(version=version, meta={"prompt": "plainline, a house", "steps": 20, "seed": version.id})
    world.add_simple("Flux Realism Boost", id=Known.FLUX, tags=["style"], thumbs_up=800)
    world.models[Known.FLUX].versions[0].base_model = "Flux.1 D"
    gentle = world.add_simple("Gentle LoCon", id=Known.LOCON, type="LoCon", tags=["style"], thumbs_up=40)
    gentle.versions[0].base_model = "Qwen 2.1"
    gentle.versions[0].files[0].metadata = {"format": "SafeTensor", "fp": "nvfp4", "quantType": "SVDQ-int4"}
    world.add_simple("Weight Decomposed", id=Known.DORA, type="DoRA", tags=["concept"], thumbs_up=41)
    many = world.add_model("Many Versions", id=Known.MANY_VERSIONS, username="versionist", thumbs_up=300)
    for number in range(24, 0, -1):
        version = world.add_version(many, f"v{number}.0", base_model="SDXL 1.0" if number % 3 else "Illustrious")
        world.add_file(version, f"many_v{number}.safetensors", size=3000 + number)
        world.add_image(version=version)


def _variants(world: WorldContent) -> None:
    model = world.add_model(
        "Dream Mix XL",
        id=Known.CHECKPOINT_VARIANTS,
        type="Checkpoint",
        checkpoint_type="Merge",
        username="mixer",
        tags=["base model", "photorealistic"],
        thumbs_up=2000,
        downloads=90_000,
    )
    version = world.add_version(model, "v7.5", base_model="SDXL 1.0")
    for size, fp in (("pruned", "fp16"), ("full", "fp16"), ("pruned", "fp32"), ("full", "fp32")):
        world.add_file(
            version,
            f"dreamMixXL_{size}_{fp}.safetensors",
            size=2_200_000 if size == "full" else 1_100_000,
            metadata={"format": "SafeTensor", "size": size, "fp": fp},
        )
    for fp in ("fp8", "int8"):
        world.add_file(
            version,
            f"dreamMixXL_{fp}.safetensors",
            size=600_001,
            type="UNet",
            metadata={"format": "SafeTensor", "fp": fp},
        )
    for _ in range(3):
        world.add_image(version=version, meta={"prompt": "a photo of a lake", "negativePrompt": "blurry", "steps": 30})


def _several_files(world: WorldContent) -> None:
    twins = world.add_model("Identical Metadata", id=Known.IDENTICAL_FILES, type="Checkpoint")
    version = world.add_version(twins)
    world.add_file(version, "first.safetensors", size=5000)
    world.add_file(version, "second.safetensors", size=6000)
    same = world.add_model("Duplicate Names", id=Known.DUPLICATE_NAMES)
    version = world.add_version(same)
    world.add_file(version, "duplicate.safetensors", size=5000)
    world.add_file(
        version, "duplicate.safetensors", size=7000, metadata={"format": "SafeTensor", "size": "full", "fp": "fp32"}
    )
    world.add_file(
        version, "Duplicate.safetensors", size=8000, metadata={"format": "SafeTensor", "size": "full", "fp": "bf16"}
    )
    owner = world.add_model("Fine VAE", id=Known.VAE_OWNER, type="VAE", username="vae_maker")
    vae = world.add_file(world.add_version(owner, base_model="SD 1.5"), "fineVAE.safetensors", size=9000, type="VAE")
    linked = world.add_model("Needs A VAE", id=Known.LINKED_VAE, type="Checkpoint")
    world.add_file(
        world.add_version(linked, base_model="SD 1.5", linked_vae=vae.id), "needsVae.safetensors", size=12_000
    )
    hidden = world.add_model("Hidden Primary", id=Known.HIDDEN_PRIMARY, type="Checkpoint")
    version = world.add_version(hidden)
    world.add_file(version, "hiddenPrimary.safetensors", size=5000, visibility="Private")
    world.add_file(
        version, "shownSecond.safetensors", size=5500, metadata={"format": "SafeTensor", "size": "full", "fp": "fp32"}
    )
    shared = world.add_model("Shared Hash", id=Known.SHARED_HASH)
    content = safetensors_body("shared", 4444)
    for name in ("v2.0", "v1.0"):
        world.add_file(world.add_version(shared, name), f"shared_{name}.safetensors", content=content)


def _other_formats(world: WorldContent) -> None:
    gguf = world.add_model("Quantised Flux", id=Known.GGUF, type="Checkpoint", username="mixer")
    version = world.add_version(gguf, base_model="Flux.1 D")
    for quant in ("Q4_K_M", "Q8_0"):
        content = b"GGUF\x03\0\0\0" + bytes(16) + quant.encode() * 500
        world.add_file(version, f"flux-{quant}.gguf", content=content, metadata={"format": "GGUF", "quantType": quant})
    training = world.add_model("With Training Data", id=Known.TRAINING_DATA)
    version = world.add_version(training)
    world.add_file(version, "withTraining.safetensors", size=6000)
    world.add_file(
        version, "training.zip", content=_zip("1.txt", "a caption"), type="Training Data", metadata={"format": "Other"}
    )
    embedding = world.add_model("Bad Hands Away", id=Known.EMBEDDING, type="TextualInversion", tags=["negative"])
    version = world.add_version(embedding, base_model="SD 1.5", trained_words=["badhands"])
    world.add_file(
        version, "badhands.pt", content=_zip("archive/data.pkl", "not a pickle"), metadata={"format": "PickleTensor"}
    )
    world.add_file(
        version,
        "badhands-neg.pt",
        content=_zip("archive/data.pkl", "nor this"),
        type="Negative",
        metadata={"format": "PickleTensor"},
    )
    workflow = world.add_model("Upscale Workflow", id=Known.WORKFLOW, type="Workflows", username="versionist")
    world.add_file(
        world.add_version(workflow, base_model="Other"),
        "upscale.json",
        content=b'{"nodes": [], "links": [], "version": 0.4}',
        type="Workflow",
        metadata={"format": "Other"},
    )
    old = world.add_model("Old Pickle", id=Known.OLD_PICKLE, type="Hypernetwork")
    world.add_file(
        world.add_version(old, base_model="SD 1.4"),
        "old..pt",
        content=_zip("archive/data.pkl", "old"),
        metadata={"format": "PickleTensor"},
    )


def _gone(world: WorldContent) -> None:
    world.add_simple("Archived One", id=Known.ARCHIVED, mode="Archived")
    world.add_simple("Taken Down One", id=Known.TAKEN_DOWN, mode="TakenDown")
    world.add_version(world.add_model("No Files", id=Known.NO_FILES))
    world.add_model("No Versions", id=Known.NO_VERSIONS)
    world.add_simple("Not Rated Yet", id=Known.UNRATED, nsfw_level=0)
    world.models[Known.UNRATED].versions[0].nsfw_level = 1
    hidden = world.add_simple("Hidden Versions", id=Known.HIDDEN_VERSIONS)
    hidden.versions[0].availability = "Unsearchable"


def _gated(world: WorldContent) -> None:
    private = world.add_simple("Private One", id=Known.PRIVATE, availability="Private")
    private.versions[0].availability = "Private"
    early = world.add_simple("Early Bird", id=Known.EARLY_ACCESS)
    early.versions[0].paid = WorldPaidAccess(ends_at=FAR)
    older = world.add_version(early, "v0.9")
    world.add_file(older, "early_old.safetensors", size=4000)
    world.add_simple("Paid For Ever", id=Known.PAID_FOR_EVER).versions[0].paid = WorldPaidAccess()
    world.add_simple("Generation Only", id=Known.GENERATION_ONLY).versions[0].usage_control = "Generation"
    world.add_simple("Login Required", id=Known.LOGIN_REQUIRED).versions[0].require_auth = True
    world.add_simple("Not Granted", id=Known.NOT_GRANTED).versions[0].granted = False
    world.add_simple("A Real Person", id=Known.REAL_PERSON, poi=True)
    mature = world.add_simple("Mature Style", id=Known.MATURE, nsfw=True, nsfw_level=28, tags=["style", "mature"])
    world.add_image(version=mature.versions[0], nsfw_level=16)


def _odd_people(world: WorldContent) -> None:
    official = world.add_simple("Official", id=Known.NO_CREATOR, username="civitai", hide_stats=True, type="Checkpoint")
    if official.user is not None:
        official.user.system = True
    world.add_user("lurker")
    world.add_user("Ünï_Name")
    literal: WorldModel = world.add_simple("Literal Licence", id=Known.LITERAL_LICENCE)
    literal.allow_commercial_use = "{Image,RentCivit}"
    literal.downloads = literal.tipped = None
    single = world.add_simple("Single Licence", id=Known.SINGLE_LICENCE)
    single.allow_commercial_use = "Sell"


def _odd_names(world: WorldContent) -> None:
    world.add_simple("Tagged With A Space", id=Known.SPACED_TAG, tags=["film grain"])
    nasty = world.add_model('a/b\\c|d:e?f*g"h<i> ', id=Known.NASTY_NAMES, type="LORA", tags=["nasty/tag", "CON"])
    names = [
        ("Aux", "aux.safetensors"),
        ("dots...", "trailing dot.safetensors."),
        ("✨ emoji 猫 ✨", "猫と犬.safetensors"),
        ("cafe\u0301 not composed", "cafe\u0301.safetensors"),
        ("tab\there", "tab\there.safetensors"),
        ("L" * 180 + "é" * 40, "x" * 230 + ".safetensors"),
        ("Wait... what", "../../escape.safetensors"),
        ("..", "..pt"),
        ("  spaces  ", " leading.safetensors"),
        ("C:\\Windows", "C:\\evil.safetensors"),
        ("\u202ereversed", "nul"),
    ]
    for version_name, file_name in names:
        version = world.add_version(nasty, version_name)
        world.add_file(version, file_name, size=2500 + version.index)
    same = world.add_simple("Plain Line Art", id=Known.SAME_NAME, username="versionist")
    same.versions[0].files[0].name = "plain_line_0.safetensors"


def _odd_files(world: WorldContent) -> None:
    bare = world.add_simple("No Hashes", id=Known.NO_HASHES)
    bare.versions[0].files[0].hashes = {}
    bare.versions[0].files[0].scanned_at = None
    bare.versions[0].files[0].pickle_scan = bare.versions[0].files[0].virus_scan = "Pending"
    danger = world.add_simple("Dangerous Pickle", id=Known.DANGEROUS)
    danger.versions[0].files[0].pickle_scan = "Danger"
    danger.versions[0].files[0].pickle_message = "**Detected Pickle imports (1)**\n```\nposix.system\n```"
    world.models[Known.DORA].versions[0].files[0].crc32_reversed = True
    header = hashlib.sha256(b"what a trainer wrote").hexdigest()
    told = world.models[Known.LOCON].versions[0].files[0]
    told.body, told.header_hash = safetensors_body("told", 4096, {"sshs_model_hash": header}), header
    off = world.add_simple("Wrong Size", id=Known.WRONG_SIZE)
    off.versions[0].files[0].size_kb = 9.5


def _zip(name: str, text: str) -> GivenBody:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return GivenBody(raw.getvalue())
