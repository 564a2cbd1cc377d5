"""One whole file: bring every byte of it, prove them, give them their name."""

from __future__ import annotations

from pathlib import Path

from civitai_kit.core.errors import CivitaiKitError, HashMismatch, NotAModel, SizeMismatch
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof, Verdict
from civitai_kit.transfer.file.attempts import Attempts, Beginning, SharedParts
from civitai_kit.transfer.file.picture_formats import HEAD, media_suffix, with_media_suffix, wrong_picture
from civitai_kit.transfer.file.writer import FileWriter
from civitai_kit.transfer.part.journal import Journal
from civitai_kit.transfer.part.part import Part, open_part
from civitai_kit.transfer.progress import FileProgress

_KEEP_HINT = "Try again later; --allow-hash-mismatch keeps such a file."


def fetch_whole_file(shared: SharedParts, order: Order, emit: Emit, begun: Beginning = None) -> Fetched:
    """Bring one file under its final name; raises what kept it from getting there.

    `begun` is an open answer that is the whole file. A picture is tried once.
    """
    sources = [shared.open_source(url, order.content) for url in order.urls]
    target, progress = Path(order.target), FileProgress(order.key, emit, shared.ticks)
    journal = Journal(source=sources[0].name, promise=_promise(order.proof))
    with open_part(target, journal, _names(order.proof)) as part:
        resumed = part.resume(frozenset(source.name for source in sources), order.proof, shared.stopping.check)
        if resumed:
            shared.log(f"{order.key}: {resumed} bytes are here from an earlier run")
        attempts = Attempts(shared, order, emit, sources, progress, begun=begun)
        writer = FileWriter(part, shared.ticks, shared.hashing)
        try:
            wrong = _fill_and_prove(attempts, part, writer, order)
        finally:
            writer.close()
        return _name(part, order, progress, mismatch=wrong)


def _fill_and_prove(attempts: Attempts, part: Part, writer: FileWriter, order: Order) -> bool:
    """Fill the part, once more from nothing when it turns out wrong; gives whether a wrong one is to be kept."""
    wrong: CivitaiKitError | None = None
    for last in (False, True):
        attempts.fill(part, writer)
        wrong = _wrong(part, order, suspect=attempts.suspect)
        if wrong is None or last or order.content is Content.IMAGE:
            break
        if isinstance(wrong, NotAModel):
            attempts.forget_links()
        writer.restart()
    if wrong is None:
        return False
    if order.allow_hash_mismatch and isinstance(wrong, HashMismatch | SizeMismatch):
        return True
    part.discard()
    raise wrong


def _name(part: Part, order: Order, progress: FileProgress, *, mismatch: bool) -> Fetched:
    final = part.target
    if order.content is Content.IMAGE:
        final = with_media_suffix(final, media_suffix(part.head(HEAD)) or final.suffix)
    fetched = Fetched(
        path=final,
        size=part.written,
        digests=part.digests(),
        received=progress.received,
        resumed=part.resumed,
        mismatch=mismatch,
    )
    part.promote(final)
    progress.end(fetched.size)
    return fetched


def _wrong(part: Part, order: Order, *, suspect: bool) -> CivitaiKitError | None:
    """What is wrong with the complete bytes, None when nothing is: the promise decides, looks only where it fails."""
    if order.content is Content.IMAGE:
        return wrong_picture(part)
    verdict = order.proof.judge(part.digests(), part.written)
    if verdict is Verdict.RIGHT or (verdict is Verdict.UNPROVED and not suspect):
        return None
    if suspect:
        return NotAModel(
            "A page or an error text came instead of the file.",
            hint="Open the model's page in a browser: the file may need a login or a purchase, or be gone.",
        )
    if verdict is Verdict.WRONG_HASH:
        return HashMismatch(
            f"The file's hash is not the one the site promises{_difference(order.proof, part.digests())}.",
            hint=_KEEP_HINT,
        )
    return SizeMismatch(
        f"The file has {part.written:,} bytes, and the site promises {order.proof.size:,}.", hint=_KEEP_HINT
    )


def _names(proof: Proof) -> frozenset[str]:
    """The digests to compute while moving: SHA256 always, and the one that decides."""
    names = {"sha256", "auto_v2"}
    if not proof.sha256:
        names |= {"blake3"} if proof.blake3 else {"crc32"} if proof.crc32 else set()
    return frozenset(names)


def _promise(proof: Proof) -> str | None:
    for name in ("sha256", "blake3", "crc32"):
        value = getattr(proof, name)
        if value:
            return f"{name}:{value.lower()}"
    return None if proof.size is None else f"size:{proof.size}"


def _difference(proof: Proof, digests: Digests) -> str:
    for name in ("sha256", "blake3", "crc32"):
        promised = getattr(proof, name)
        if promised:
            return f" ({name} {getattr(digests, name)}, not {promised.lower()})"
    return ""
