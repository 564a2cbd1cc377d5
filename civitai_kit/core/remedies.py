"""What to do about a failure, by its code, where the error itself does not know better; said here alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from civitai_kit.core.codes import Code

KEY_PAGE = "https://civitai.com/user/account"
LOGIN = f"Make an API key at {KEY_PAGE} and put it in the variable CIVITAI_API_KEY (in Python: Client(api_key=…))."
BAD_KEY = f"The site takes a wrong or expired key for none: make a new one at {KEY_PAGE}."

REMEDIES: Mapping[Code, str] = {
    Code.LOGIN_REQUIRED: LOGIN,
    Code.NO_ACCESS: "The account of your API key may not have it; look at the model's page while logged in.",
    Code.EARLY_ACCESS: "Wait until early access ends, or buy it on the model's page.",
    Code.DOWNLOADS_DISABLED: "Its creator lets it be used on the site only.",
    Code.ARCHIVED: "Its files are gone from the site; another version of the model may be there.",
    Code.NOT_FOUND: "Look at the id or name; what is on a twin of the site needs its --api-url.",
    Code.NETWORK: "Look at your connection and run the same command again: it goes on where it stopped.",
    Code.UNAVAILABLE: "The site has trouble; run the same command again later.",
    Code.REGION_BLOCKED: "The site does not serve your region.",
    Code.RATE_LIMITED: "Wait some minutes, or ask more slowly with --api-delay 1000.",
    Code.QUOTA_EXCEEDED: "The account's quota is used up; run the same command again tomorrow.",
    Code.UNEXPECTED_REPLY: "Run it again; if it stays, --log-level debug shows what came.",
    Code.NOT_A_MODEL: "A page came instead of the file; a key in CIVITAI_API_KEY may help.",
    Code.HASH_MISMATCH: "The file was thrown away; --allow-hash-mismatch keeps such files.",
    Code.SIZE_MISMATCH: "The file was thrown away; run the same command again.",
    Code.DISK_FULL: "Make room and run the same command again: it goes on where it stopped.",
    Code.NOT_WRITABLE: "Choose another folder with --save-path, or make this one writable.",
    Code.STORE_LOCKED: "Wait until the other command has ended, or use another --save-path.",
    Code.STORE_UNREADABLE: "Choose another database with --database, or move this one away.",
    Code.STORE_TOO_NEW: "Upgrade civitai-kit.",
    Code.UNFORESEEN: "Run it again with --log-level debug to see where, and report it.",
}


def with_remedy(row: Mapping[str, Any]) -> dict[str, Any]:
    """An error's row with a hint, where there is one to give."""
    if row.get("hint"):
        return dict(row)
    remedy = REMEDIES.get(Code(row["code"]))
    return dict(row) if remedy is None else {**row, "hint": remedy}
