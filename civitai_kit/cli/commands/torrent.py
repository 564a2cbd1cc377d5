"""`civitai-kit torrent`: a torrent for every downloaded version, so that models outlive their site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import TORRENT
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.settings.layers import TorrentSettings
    from civitai_kit.core.torrents.report import TorrentReport
    from civitai_kit.services.torrents.torrents import TorrentOptions

DETAILS = """Torrents are made of what the database says is downloaded and the disk confirms by size. Each --announce is
a tier of its own, so that clients ask all of them. A torrent lies beside its model file, or in -o, as <stem>.torrent;
one that is there is kept unless -f. Equal files give an equal info-hash, whoever makes the torrent. A --web-seed is
the URL over which the whole save path is served: each torrent gets that of the folder where its files are found.
docs/torrent.md names public trackers."""


def run(call: Call) -> Outcome:
    """Make the torrents and say what came of it."""
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.torrents.torrents import make_torrents

    model_ids, per_model = _model_ids(call), _per_model(call)
    loaded = call.load()
    options = _options(call, loaded.settings.torrent, model_ids, per_model=per_model)
    out = Path(loaded.settings.torrent.output_dir).absolute() if loaded.settings.torrent.output_dir else None
    with (
        Progress(call.console) as progress,
        open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop) as kit,
        kit.torrent_parts(out) as parts,
    ):
        report = make_torrents(parts, options, progress)
    if not report.wanted and model_ids:
        call.console.warn(f"Nothing is downloaded of {'these models' if len(model_ids) > 1 else 'this model'}.")
    return Outcome(report.as_json(), _lines(report), [error.as_row() for error in report.errors], report.exit_code)


def _options(call: Call, settings: TorrentSettings, model_ids: tuple[int, ...], *, per_model: bool) -> TorrentOptions:
    from civitai_kit.core.torrents.metainfo import checked_terms
    from civitai_kit.services.torrents.torrents import TorrentOptions

    terms = checked_terms(
        settings.announce,
        settings.web_seeds,
        private=settings.private,
        piece_size=settings.piece_size,
        source=settings.source,
    )
    return TorrentOptions(
        terms=terms,
        model_ids=model_ids,
        overwrite=settings.overwrite,
        concurrency=settings.concurrency,
        magnet_links=settings.magnet_links,
        check_hash=call.has("check_hash"),
        include_metadata=call.has("include_metadata"),
        per_model=per_model,
    )


def _model_ids(call: Call) -> tuple[int, ...]:
    words = call.many("model_id")
    wrong = next((word for word in words if not (word.isascii() and word.isdigit() and len(word) < 19)), None)
    if wrong is not None:
        raise UsageError(f"--model-id: expected a number, got {wrong!r}.", hint="It stands in the model's page's URL.")
    return tuple(int(word) for word in words)


def _per_model(call: Call) -> bool:
    word = call.typed.get("per", "version")
    if word not in ("version", "model"):
        raise UsageError(f"--per: expected version or model, got {word!r}.")
    return bool(word == "model")


def _lines(report: TorrentReport) -> list[str]:
    from civitai_kit.cli.output.plan_view import MOST_ROWS
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted, shown_bytes
    from civitai_kit.core.torrents.report import TorrentStatus

    if not report.wanted:
        return ["Nothing to make a torrent of; `civitai-kit download` brings models."]
    rows = [[str(row.status), shown_bytes(row.size), row.info_hash, row.path] for row in report.rows[:MOST_ROWS]]
    more = len(report.rows) - MOST_ROWS
    made = [row for row in report.rows if row.status is TorrentStatus.CREATED]
    kept = len(report.rows) - len(made)
    said = f"Made {counted(len(made), 'torrent')} of {shown_bytes(sum(row.size for row in made))}"
    closing = (
        f"{said}, kept {kept:,}." if made and kept else f"Kept {counted(kept, 'torrent')}." if kept else f"{said}."
    )
    return [
        *(
            table(["STATUS", "SIZE", "INFO-HASH", "FILE"], rows, flexible=3, right=(1,), whole=(2,), spare=(2,))
            if rows
            else []
        ),
        *([f"… and {more:,} more torrents"] if more > 0 else []),
        *([""] if rows else []),
        closing,
    ]


COMMAND = Command(run, TORRENT, details=DETAILS)
