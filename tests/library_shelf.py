"""Libraries made from nothing: folders as a scan leaves them, with answers, previews and the store's memory of each."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import zlib
from collections.abc import Mapping
from colorsys import hsv_to_rgb
from dataclasses import dataclass, field
from math import sin
from pathlib import Path
from threading import Event
from typing import Any

from civitai_kit.core.collection.absence import SiteState
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.core.library.pages_report import PagesReport
from civitai_kit.core.plans.digests import FileStamp
from civitai_kit.disk.folder import Folder
from civitai_kit.pages.render import LibraryPages
from civitai_kit.sandbox.worlds.media import mp4
from civitai_kit.services.library.pages import PagesParts, make_pages

SITE = "https://civitai.example"
WHEN = "2025-11-27T19:00:00+00:00"
_TYPES = ("LORA", "LORA", "LORA", "LORA", "Checkpoint", "Checkpoint", "LoCon", "TextualInversion", "VAE", "Upscaler")
_BASES = ("SDXL 1.0", "Pony", "Illustrious", "Flux.1 D", "SD 1.5", "Wan Video 2.2", "NoobAI", "Qwen")
_ADJECTIVES = ("Ink", "Amber", "Velvet", "Neon", "Paper", "Misty", "Iron", "Lunar", "Coral", "Silent", "Wild", "Old")
_NOUNS = ("Wash", "Harbour", "Portrait", "Garden", "Machine", "Dragon", "Street", "Forest", "Costume", "Light", "Tale")
_TAGS = ("anime", "style", "photorealistic", "character", "concept", "clothing", "landscape", "base model", "vehicle")
_PEOPLE = ("ann", "WAI0731", "brush_and_byte", "mira", "Дмитрий", "画師", "old_salt", "nine-lives")


@dataclass
class LibraryShelf:
    """A library under `root`, and what the store remembers of its files."""

    root: Path
    files: list[LibraryFile] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    def add(
        self,
        folder: str,
        *,
        version: Any = None,
        model: Any = None,
        header: Any = None,
        previews: Mapping[str, bytes] | None = None,
        said: Mapping[int, Any] | None = None,
        known: bool = True,
        **memory: Any,
    ) -> LibraryFile:
        """A model's folder; `previews` by ending (`_0.png`), `said` the site's objects of them by number.

        Bytes stand in place of an answer as they are. `memory` are fields of the store's row; unless it is `known`,
        the store has none.
        """
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        sha256 = memory.setdefault("sha256", hashlib.sha256(folder.encode("utf-8", "surrogatepass")).hexdigest())
        hashes = {"hash_type": "SHA256", "hash_value": sha256, "filename": f"{folder}.safetensors", "timestamp": WHEN}
        answers = {"hash": hashes, "civitai_model_version": version, "civitai_model": model, "metadata": header}
        for name, answer in answers.items():
            if answer is not None:
                self._write(f"{folder}/{folder}_{name}.json", answer)
        for number, told in (said or {}).items():
            self._write(f"{folder}/{folder}_preview_{number}.json", told)
        for ending, content in (previews or {}).items():
            (place / f"{folder}_preview{ending}").write_bytes(content)
        memory.setdefault("path", f"/models/{folder}.safetensors")
        memory.setdefault("stamp", FileStamp(1, 1, 228_000_000, 1))
        file = LibraryFile(output=self.root.as_posix(), folder=folder, **memory)
        if known:
            self.files.append(file)
        return file

    def make(self, site: str = SITE) -> PagesReport:
        """Bring the pages up to date."""
        return make_pages(self.parts(site))

    def parts(self, site: str = SITE) -> PagesParts:
        """What pages are made with."""
        return PagesParts(
            files=lambda: self.files, tree=Folder(self.root), maker=LibraryPages(site), stopped=self.stop.is_set
        )

    def page(self, folder: str) -> str:
        """The text of a model's page."""
        return (self.root / folder / f"{folder}.html").read_text(encoding="utf-8")

    def cards(self) -> list[dict[str, Any]]:
        """The cards of the index."""
        return LibraryPages.cards_in((self.root / "_pages" / "models.js").read_bytes())

    def card(self, folder: str) -> dict[str, Any]:
        """The card of one model."""
        (card,) = (each for each in self.cards() if each["folder"] == folder)
        return card

    def _write(self, path: str, answer: Any) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        (self.root / path).write_bytes(content)


def model_answer(model_id: int, **fields: Any) -> dict[str, Any]:
    """A model as the site answers, with one version unless `modelVersions` says otherwise."""
    return {
        "id": model_id,
        "name": f"Model {model_id}",
        "description": "<p>Made for <b>tests</b>.</p>",
        "type": "LORA",
        "nsfw": False,
        "nsfwLevel": 1,
        "allowNoCredit": True,
        "allowCommercialUse": ["Image", "RentCivit"],
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "stats": {"downloadCount": 1200, "thumbsUpCount": 80, "commentCount": 3},
        "creator": {"username": "ann", "image": None},
        "tags": ["style", "ink"],
        "modelVersions": [version_answer(model_id * 10, model_id)],
    } | fields


def version_answer(version_id: int, model_id: int, **fields: Any) -> dict[str, Any]:
    """A version as the site answers when it is asked for by id or hash."""
    return {
        "id": version_id,
        "modelId": model_id,
        "name": "v1.0",
        "baseModel": "SDXL 1.0",
        "publishedAt": "2025-06-01T12:00:00.000Z",
        "trainedWords": ["ink wash"],
        "nsfwLevel": 1,
        "stats": {"downloadCount": 400, "thumbsUpCount": 30},
        "model": {"name": f"Model {model_id}", "type": "LORA", "nsfw": False},
        "files": [
            {
                "id": version_id * 10,
                "name": f"model_{model_id}.safetensors",
                "type": "Model",
                "sizeKB": 222656.25,
                "metadata": {"format": "SafeTensor", "size": "pruned", "fp": "fp16"},
                "pickleScanResult": "Success",
                "virusScanResult": "Success",
                "hashes": {"SHA256": "AB" * 32, "AutoV2": "AB" * 5, "CRC32": "9B6C6647", "BLAKE3": "CD" * 32},
                "primary": True,
            }
        ],
        "images": [],
    } | fields


def image_answer(number: int, *, level: int = 1, **fields: Any) -> dict[str, Any]:
    """A picture as the site lists it with a version."""
    return {
        "url": f"https://image.civitai.example/x/y/original=true/{number}.jpeg",
        "nsfwLevel": level,
        "width": 240,
        "height": 350,
        "type": "image",
        "meta": {
            "prompt": f"a harbour at dawn, ink wash, number {number}",
            "negativePrompt": "blurry, watermark",
            "steps": 28,
            "sampler": "DPM++ 2M Karras",
            "cfgScale": 5.5,
            "seed": 17739416935733250000,
            "Size": "832x1216",
            "resources": [{"name": "inkwash", "type": "lora", "weight": 0.8}],
        },
    } | fields


def synthetic(root: Path, count: int, seed: int = 7) -> LibraryShelf:
    """A library of `count` models of all kinds, the same every time: some removed, unknown, mature, without a cover."""
    shelf, dice = LibraryShelf(root), random.Random(seed)
    pictures = [picture(dice.random(), dice.random(), 160, height) for height in (233, 240, 200, 107) * 3]
    for number in range(1, count + 1):
        _add_one(shelf, number, dice, pictures)
    return shelf


def _add_one(shelf: LibraryShelf, number: int, dice: random.Random, pictures: list[bytes]) -> None:
    name = f"{dice.choice(_ADJECTIVES)} {dice.choice(_NOUNS)} {dice.choice(('XL', 'v2', 'Style', 'Mix', 'Lora'))}"
    folder = f"{name.replace(' ', '_')}_{number}"
    times: dict[str, Any] = {
        "added_at": f"2025-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T{dice.randint(0, 23):02}:00:00Z"
    }
    stamp = FileStamp(1, number, int(10 ** dice.uniform(7, 9.9)), number)
    fate = dice.random()
    if fate < 0.04:
        header = {"ss_base_model_version": "sdxl_base_v1-0", "ss_output_name": name}
        shelf.add(folder, header=header, stamp=stamp, status_code=404, **times)
        return
    level = dice.choices((1, 2, 4, 8, 16), (60, 15, 10, 10, 5))[0]
    images = [image_answer(number * 100 + place, level=level) for place in range(dice.choice((1, 1, 1, 2, 5)))]
    version = version_answer(
        number * 10,
        number,
        baseModel=dice.choice(_BASES),
        name=dice.choice(("v1.0", "v2.0", "final", "v16")),
        trainedWords=[f"trigger{number}", name.lower()],
        images=images,
    )
    kind = dice.choice(_TYPES)
    version["model"] |= {"name": f"{name} {number}", "type": kind, "nsfw": level > 4}
    model = model_answer(
        number,
        name=f"{name} {number}",
        type=kind,
        nsfw=level > 4,
        description="".join(
            f"<p>Paragraph {part} about <b>{name}</b>, how it was trained and used.</p>" for part in range(8)
        ),
        creator={"username": dice.choice(_PEOPLE)},
        tags=dice.sample(_TAGS, 3),
        stats={"downloadCount": int(10 ** dice.uniform(1, 6)), "thumbsUpCount": int(10 ** dice.uniform(0, 4.5))},
        modelVersions=[version, version_answer(number * 10 + 1, number, name="v0.9")],
    )
    previews = {f"_{place}.png": dice.choice(pictures) for place in range(len(images))} if fate < 0.94 else {}
    if fate > 0.925 and previews:
        previews["_9.mp4"] = mp4(str(number))
    gone: dict[str, Any] = {"site_state": SiteState.GONE, "last_seen": WHEN} if fate < 0.06 else {}
    shelf.add(
        folder,
        version=version,
        model=model,
        previews=previews,
        version_id=number * 10,
        model_id=number,
        matched_by=MatchedBy.SHA256,
        stamp=stamp,
        asked_at=WHEN,
        **gone,
        **times,
    )


def picture(hue: float, seed: float, width: int, height: int) -> bytes:
    """A PNG to look at: a sky, a light in it, hills before it."""
    sun = (width * (0.25 + 0.5 * seed), height * (0.2 + 0.25 * hue), width * 0.14)
    colours = {name: _rgb(hue + turn, depth, light) for name, turn, depth, light in _SCENE}
    rows = bytearray()
    for y in range(height):
        share = y / height
        sky = _rgb(hue + 0.12 * share, 0.5 - 0.25 * share, 0.6 + 0.4 * share)
        rows.append(0)
        for x in range(width):
            ridge = height * (0.62 + 0.09 * sin(x * 7 / width + seed * 20) + 0.04 * sin(x * 17 / width + hue * 30))
            near = ridge + height * (0.14 + 0.05 * sin(x * 11 / width + seed * 9))
            in_sun = (x - sun[0]) ** 2 + (y - sun[1]) ** 2 < sun[2] ** 2
            hills = colours["near"] if y > near else colours["far"] if y > ridge else None
            rows += hills or (b"\xff\xeb\xbf" if in_sun else sky)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = [_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(bytes(rows), 6)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


_SCENE = (("near", 0.08, 0.65, 0.22), ("far", 0.05, 0.55, 0.42))


def _rgb(hue: float, depth: float, light: float) -> bytes:
    return bytes(int(255 * part) for part in hsv_to_rgb(hue % 1, depth, min(1.0, light)))


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
