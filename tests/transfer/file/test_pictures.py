"""Pictures and clips: named by what they are, refused when they are none or cut, over kept connections."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.errors import Code, DiskError, Interrupted, NotAModel, NotWritable
from civitai_kit.core.events import FileCame
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof
from civitai_kit.core.retry import Setback, Trouble
from civitai_kit.sandbox.storage.urls import delivery_url
from civitai_kit.sandbox.worlds import media
from civitai_kit.transfer.file.picture_formats import is_whole, media_suffix, with_media_suffix
from civitai_kit.transfer.pool import Pool
from tests.transfer.conftest import Desk

PNG = media.png(text="a picture")


def picture(desk: Desk, content: bytes, name: str = "1.jpeg") -> Fetched:
    """Fetch an image of these bytes."""
    image = desk.sandbox.world.add_image(content=content)
    return fetch(desk, order_of(desk, delivery_url(desk.sandbox.storage_url, image), name))


def fetch(desk: Desk, order: Order, **changes: Any) -> Fetched:
    """Try once, with a fetcher of its own."""
    return desk.fetcher(**changes).fetch_picture(order, desk.events.append)


def order_of(desk: Desk, url: str, name: str = "1.jpeg") -> Order:
    return Order(key=name, urls=(url,), target=desk.target.parent / name, content=Content.IMAGE, proof=Proof())


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpeg"),
        (b"GIF89a", ".gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ".webp"),
        (b"\x00\x00\x00\x20ftypavif", ".avif"),
        (b"\x00\x00\x00\x20ftypavis", ".avif"),
        (b"\x00\x00\x00\x1cftypheic\0\0\0\0mif1heic", ".heic"),
        (b"\x00\x00\x00\x1cftyphevx", ".heic"),
        (b"\x00\x00\x00\x1cftypmif1\0\0\0\0mif1heicmiaf", ".heic"),
        (b"\x00\x00\x00\x1cftypmif1\0\0\0\0mif1avifmiaf", ".avif"),
        (b"\x00\x00\x00\x18ftypmif1\0\0\0\0mif1miaf" + b"\x00\x00\x01\x00heic", ".heif"),
        (b"\x00\x00\x00\x20ftypisom", ".mp4"),
        (b"\x00\x00\x00\x20ftypmp42\0\0\0\0qt  ", ".mp4"),
        (b"\x00\x00\x00\x14ftypqt  \0\0\0\0qt  ", ".mov"),
        (b"\x00\x00\x00\x20ftypM4V ", ".m4v"),
        (b"\x00\x00\x00\x20ftypM4A ", ".m4a"),
        (b"\x00\x00\x00\x20ftyp3gp5", ".3gp"),
        (b"\x00\x00\x00\x20ftyp3g2a", ".3g2"),
        (b"\x00\x00\x00\x20ftyp", ".mp4"),
        (b"\x1a\x45\xdf\xa3", ".webm"),
        (b"<!DOCTYPE html>", None),
        (b'{"error":1}', None),
        (b"", None),
    ],
)
def test_the_bytes_tell_what_it_is(head: bytes, suffix: str | None) -> None:
    assert media_suffix(head) == suffix


@pytest.mark.parametrize(
    ("name", "renamed"),
    [("12.jpeg", "12.png"), ("12_sd.webp", "12_sd.png"), ("12", "12.png"), ("v1.5", "v1.5.png")],
)
def test_the_extension_is_replaced_only_when_it_is_one(name: str, renamed: str) -> None:
    assert with_media_suffix(Path(name), ".png").name == renamed


@pytest.mark.parametrize(
    ("suffix", "content", "whole"),
    [
        (".png", PNG, True),
        (".png", PNG[:-8], False),
        (".jpeg", b"\xff\xd8\xff" + bytes(50) + b"\xff\xd9", True),
        (".jpeg", b"\xff\xd8\xff" + bytes(50), False),
        (".gif", b"GIF89a" + bytes(9) + b";", True),
        (".webp", b"RIFF\x0c\x00\x00\x00WEBPVP8 " + bytes(4), True),
        (".webp", b"RIFF\xff\x00\x00\x00WEBPVP8 " + bytes(4), False),
        (".mp4", b"\x00\x00\x00\x08ftyp", True),
    ],
)
def test_a_cut_picture_is_told_from_a_whole_one(suffix: str, content: bytes, whole: bool) -> None:
    assert is_whole(suffix, content[:64], content, len(content)) == whole


def test_a_png_named_jpeg_becomes_a_png(desk: Desk) -> None:
    fetched = picture(desk, PNG)
    assert Path(fetched.path).name == "1.png"
    assert Path(fetched.path).read_bytes() == PNG
    assert desk.names() == ["1.png"]


def test_no_key_goes_to_the_image_host_even_when_it_is_the_site(desk: Desk) -> None:
    image = desk.sandbox.world.add_image(content=PNG)
    url = delivery_url(desk.sandbox.storage_url, image)
    fetch(desk, order_of(desk, url), site=desk.sandbox.storage_url)
    assert "authorization" not in desk.sandbox.requests[0].headers


@pytest.mark.parametrize("fault", ["html_file", "json_file"])
def test_a_page_is_no_picture(desk: Desk, fault: str) -> None:
    desk.sandbox.faults.add(fault, times=None)
    with pytest.raises(Setback) as caught:
        picture(desk, PNG)
    assert (type(caught.value.error), caught.value.trouble) == (NotAModel, Trouble.GARBLED)
    assert desk.names() == []


TRAILING = {
    "png": PNG[:-10],
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(50),
    "gif": b"GIF89a" + bytes(2000),
    "webp": b"RIFF\xff\x00\x00\x00WEBPVP8 " + bytes(4),
}


@pytest.mark.parametrize("ending", TRAILING)
@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun earlier"])
def test_a_picture_without_its_end_is_whole_by_the_length_that_the_host_told(
    desk: Desk, ending: str, *, begun: bool
) -> None:
    if begun:
        desk.target.parent.mkdir(parents=True, exist_ok=True)
        (desk.target.parent / "1.jpeg.part").write_bytes(b"")
    fetched = picture(desk, TRAILING[ending])
    assert Path(fetched.path).read_bytes() == TRAILING[ending]
    assert desk.names() == [f"1.{ending}"]


def test_a_picture_without_its_end_and_of_a_length_that_nobody_told_is_refused(desk: Desk) -> None:
    desk.sandbox.faults.add("no_content_length", times=None)
    with pytest.raises(Setback) as caught:
        picture(desk, PNG[:-10])
    assert (caught.value.error.code, caught.value.trouble) == (Code.NETWORK, Trouble.NETWORK)
    assert desk.names() == []


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("storage_429", Trouble.TOO_FAST),
        ("storage_503", Trouble.BUSY),
        ("storage_reset", Trouble.NETWORK),
        ("storage_404", Trouble.REFUSED),
        ("range_416", Trouble.BUSY),
        ("cut", Trouble.NETWORK),
    ],
)
@pytest.mark.parametrize("content", [PNG, PNG[:-12] + bytes(5_000_000) + PNG[-12:]], ids=["small", "large"])
def test_one_call_is_one_request_and_says_what_came_in_its_way(
    desk: Desk, fault: str, trouble: Trouble, content: bytes
) -> None:
    desk.sandbox.faults.add(fault, None, "", **({"at": 20} if fault == "cut" else {}))
    with pytest.raises(Setback) as caught:
        picture(desk, content)
    assert caught.value.trouble is trouble
    assert (desk.asked("storage"), desk.waits) == (1, [])


def test_many_pictures_share_few_connections(desk: Desk) -> None:
    images = [desk.sandbox.world.add_image(content=PNG + bytes(n)) for n in range(60)]
    urls = [delivery_url(desk.sandbox.storage_url, image) for image in images]
    fetcher = desk.fetcher()
    opened = desk.sandbox.requests
    orders = [order_of(desk, url, f"{number}.jpeg") for number, url in enumerate(urls)]
    threads = set()

    def job(order: Order) -> Fetched:
        threads.add(threading.get_ident())
        return fetcher.fetch_picture(order, desk.events.append)

    outcomes = list(Pool(desk.stop).run([partial(job, order) for order in orders], 4))
    assert [outcome.error for outcome in outcomes] == [None] * 60
    assert len(opened) == 60
    assert len(threads) == 4


def test_a_picture_with_more_behind_its_end_is_whole(desk: Desk) -> None:
    more = PNG + bytes(300 * 1024)
    assert Path(picture(desk, more).path).read_bytes() == more


def test_a_small_picture_never_has_a_journal_and_its_size_is_told(desk: Desk) -> None:
    picture(desk, PNG)
    assert [(event.done, event.size) for event in desk.moved][-1] == (len(PNG), len(PNG))
    assert [event.key for event in desk.events if isinstance(event, FileCame)] == ["1.jpeg"]


def test_a_large_picture_goes_on_with_the_answer_that_has_begun(desk: Desk) -> None:
    large = PNG[:-12] + bytes(5_000_000) + PNG[-12:]
    fetched = picture(desk, large)
    assert Path(fetched.path).read_bytes() == large
    assert desk.asked("storage") == 1


def test_a_large_picture_that_is_cut_goes_on_where_it_was(desk: Desk) -> None:
    large = PNG[:-12] + bytes(5_000_000) + PNG[-12:]
    desk.sandbox.faults.add("cut", 1, "", at=4_500_000)
    image = desk.sandbox.world.add_image(content=large)
    order = order_of(desk, delivery_url(desk.sandbox.storage_url, image))
    with pytest.raises(Setback) as caught:
        fetch(desk, order)
    assert caught.value.advanced
    assert Path(fetch(desk, order).path).read_bytes() == large
    assert desk.ranges() == ["", "bytes=4500000-"]


def test_a_part_of_an_earlier_run_is_gone_on_from(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    (desk.target.parent / "1.jpeg.part").write_bytes(b"of another time")
    assert Path(picture(desk, PNG).path).read_bytes() == PNG
    assert desk.names() == ["1.png"]


def test_a_folder_that_cannot_be_written_is_said_and_nothing_stays(desk: Desk) -> None:
    desk.target.parent.parent.mkdir(parents=True, exist_ok=True)
    desk.target.parent.write_text("in the way")
    with pytest.raises(DiskError):
        picture(desk, PNG)
    assert desk.target.parent.read_text() == "in the way"


def test_a_stop_wakes_a_picture_that_stalls_on_a_kept_connection(desk: Desk) -> None:
    image = desk.sandbox.world.add_image(content=PNG)
    url = delivery_url(desk.sandbox.storage_url, image)
    fetcher = desk.fetcher(timeout=20)
    fetcher.fetch_picture(order_of(desk, url), desk.events.append)
    assert fetcher.idle_connections == 1
    desk.sandbox.faults.add("slow_start", 1, "", delay=15)
    threading.Timer(0.3, desk.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        fetcher.fetch_picture(order_of(desk, url, "2.jpeg"), desk.events.append)
    assert time.monotonic() - began < 3


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_a_link_is_neither_written_through_nor_replaced_by_a_picture(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"of a person")
    desk.target.parent.mkdir(exist_ok=True)
    for name in ("1.jpeg.part", "1.png"):
        link = desk.target.parent / name
        link.symlink_to(tmp_path / "precious")
        with pytest.raises(NotWritable):
            picture(desk, PNG)
        assert link.is_symlink() and (tmp_path / "precious").read_bytes() == b"of a person"
        link.unlink()
    assert picture(desk, PNG).path.name == "1.png"
