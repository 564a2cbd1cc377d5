"""The command line: its tree of commands, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace

import typer

from civitai_kit.cli.input.mistakes import command_in, command_of, usage_error
from civitai_kit.cli.input.parsing import Answer, Branch, Parsed, parse
from civitai_kit.cli.output.console import Console, Outcome, of_error
from civitai_kit.cli.signals import stop_on_signal
from civitai_kit.core.errors import CivitaiKitError, Code, Exit, Interrupted, known_failure

# Variables whose values the message of a library might repeat.
SECRET_VARIABLES = ("CIVITAI_API_KEY", "CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_KIT_API_KEY")
SUMMARY = "Scan, confirm, download: verified, resumable, remembered downloads from Civitai."

_IN = "civitai_kit.cli.commands"

COMMANDS: dict[str, Branch] = {
    "scan": Branch("ask the site, apply the filters, show the plan; changes nothing", f"{_IN}.scan:COMMAND"),
    "download": Branch("scan, confirm, download", f"{_IN}.download:COMMAND"),
    "images": Branch("every picture of a creator, model, version, tag or post, sorted", f"{_IN}.images:COMMAND"),
    "tags": Branch("the site's tag names", f"{_IN}.tags:COMMAND"),
    "db": Branch(
        "what is remembered of downloads",
        {
            "view": Branch("list the entries of the database", f"{_IN}.db.view:COMMAND", is_local=True),
            "search": Branch("entries whose names hold a text", f"{_IN}.db.search:COMMAND", is_local=True),
            "verify": Branch("check every recorded file; --yes fetches what is wrong", f"{_IN}.db.verify:COMMAND"),
            "redownload": Branch("fetch versions anew, by their ids", f"{_IN}.db.redownload:COMMAND"),
            "delete": Branch("forget versions and remove their files", f"{_IN}.db.delete:COMMAND", is_local=True),
            "stats": Branch("what the collection adds up to", f"{_IN}.db.stats:COMMAND", is_local=True),
            "removed": Branch("which recorded versions the site no longer has", f"{_IN}.db.removed:COMMAND"),
            "export": Branch(
                "write everything that is remembered to a file", f"{_IN}.db.export:COMMAND", is_local=True
            ),
            "import": Branch("read such a file into the database", f"{_IN}.db.import_:COMMAND", is_local=True),
        },
    ),
    "library": Branch(
        "the model files on your disks: identified, kept, shown",
        {
            "scan": Branch("identify model files and keep what the site says of them", f"{_IN}.library.scan:COMMAND"),
            "pages": Branch(
                "a static site of the library, for a browser", f"{_IN}.library.pages:COMMAND", is_local=True
            ),
            "update": Branch("newer versions of what you have", f"{_IN}.library.update:COMMAND"),
            "where": Branch("where a model lies, by a hash or a name", f"{_IN}.library.where:COMMAND", is_local=True),
            "sidecars": Branch(
                "what one program keeps beside models, for another", f"{_IN}.library.sidecars:COMMAND", is_local=True
            ),
            "missing": Branch(
                "files that the site does not have, or no longer", f"{_IN}.library.missing:COMMAND", is_local=True
            ),
            "duplicates": Branch(
                "equal files, and links in their place", f"{_IN}.library.duplicates:COMMAND", is_local=True
            ),
            "clean": Branch(
                "remove what was made for files that are gone", f"{_IN}.library.clean:COMMAND", is_local=True
            ),
            "import-data": Branch(
                "take over a tree of the data manager", f"{_IN}.library.import_data:COMMAND", is_local=True
            ),
        },
    ),
    "catalog": Branch(
        "the two catalogs that other programs read",
        {
            "map": Branch("which versions are in it, and are their files here", f"{_IN}.catalog.catalog:MAP"),
            "add": Branch("add a version; --download fetches it too", f"{_IN}.catalog.catalog:ADD"),
            "promote": Branch("move a LoRA to loras.json", f"{_IN}.catalog.catalog:PROMOTE"),
            "remove": Branch("remove an entry whose file is gone", f"{_IN}.catalog.catalog:REMOVE"),
        },
    ),
    "serve": Branch("the catalogs over HTTP, and the library's pages", f"{_IN}.serve:COMMAND"),
    "clean": Branch("remove leftover temporary files under the save path", f"{_IN}.clean:COMMAND", is_local=True),
    "torrent": Branch("make torrents of what was downloaded", f"{_IN}.torrent:COMMAND", is_local=True),
    "config": Branch(
        "the settings",
        {
            "init": Branch("write a commented config.toml to begin with", f"{_IN}.config:INIT"),
            "show": Branch("every setting, its value and where it is from", f"{_IN}.config:SHOW"),
            "path": Branch("where settings are read from", f"{_IN}.config:PATH"),
            "check": Branch("does it work: key, site, save path, extras", f"{_IN}.config:CHECK"),
        },
    ),
    "sandbox": Branch("serve a small pretend site on this machine to try things on", f"{_IN}.sandbox:COMMAND"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; nothing that goes wrong leaves it as an exception."""
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    _fill_closed_streams()
    console = Console(as_json=_says_json(words))
    command = command_in(words, COMMANDS)
    signals = stop_on_signal(lambda: console.last_words(command, of_error(_stopped())), lambda: console.asking)
    with signals as stop:
        command, outcome = _outcome(words, console, stop, command)
        console.show(command, outcome)
        return console.exit_code(outcome)


def _fill_closed_streams() -> None:
    """Where a shell closed a standard stream, its number leads nowhere: the next file opened must not get it."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)


def _says_json(words: Sequence[str]) -> bool:
    """Whether --json was typed, found out before anything can fail; also where it stands in the place of a value."""
    before_plain = words[: words.index("--")] if "--" in words else words
    return "--json" in before_plain


def _outcome(words: Sequence[str], console: Console, stop: threading.Event, command: str) -> tuple[str, Outcome]:
    """The command's name and what it came to, whatever happened."""
    try:
        parsed = _parsed(words, console)
        if isinstance(parsed, Outcome):
            return command, parsed
        command = parsed.name
        return command, _run(parsed, console, stop)
    except CivitaiKitError as error:
        return command, of_error(error)
    except typer.TyperException as error:
        return command_of(error) or command, of_error(usage_error(error, command, words))
    except (KeyboardInterrupt, typer.Abort):
        return command, of_error(_stopped())
    except BrokenPipeError:  # Whoever read the output has left, and needs no word.
        return command, Outcome()
    except Exception as error:  # noqa: BLE001 — the last net: one sentence for a person, the rest in the log
        return command, _unforeseen(error)


def _parsed(words: Sequence[str], console: Console) -> Parsed | Outcome:
    """What to run; help and version are an outcome already."""
    heard = io.StringIO()
    try:
        # What Typer prints is heard first, so that it is written as all results are.
        with redirect_stdout(heard):
            return parse(words, COMMANDS, SUMMARY) or _heard(heard)
    except Answer as answer:
        return Outcome(data=answer.data, lines=[answer.text])
    except SystemExit as end:
        return replace(_heard(heard), exit_code=end.code if isinstance(end.code, int) else Exit.UNFORESEEN)


def _heard(heard: io.StringIO) -> Outcome:
    text = heard.getvalue()
    return Outcome(data={"help": text}, lines=text.splitlines()) if text else Outcome()


def _run(parsed: Parsed, console: Console, stop: threading.Event) -> Outcome:
    console.quiet = bool(parsed.typed.get("quiet", False))
    console.color = console.color and not parsed.typed.get("no_color", False)
    from civitai_kit.cli.input.call import Call
    from civitai_kit.machine import heed_limits

    heed_limits()
    outcome = parsed.run(Call(parsed.name, parsed.typed, parsed.flags, console, stop, parsed.is_local))
    assert isinstance(outcome, Outcome)
    return outcome


def _stopped() -> Interrupted:
    return Interrupted("Stopped.", hint="What was under way is kept; the same command goes on with it.")


def _unforeseen(error: Exception) -> Outcome:
    from civitai_kit.cli.output.logs import log_traceback, redactor

    if (known := known_failure(error)) is not None:
        return of_error(known)
    hint = log_traceback(error)
    secrets = (value for name, value in os.environ.items() if name in SECRET_VARIABLES)
    said = " ".join(str(redactor(*secrets)(str(error))).split())
    sentence = f"Something unforeseen happened: {type(error).__name__}: {said}"
    return of_error(CivitaiKitError(sentence, code=Code.UNFORESEEN, hint=hint))


if __name__ == "__main__":
    raise SystemExit(main())
