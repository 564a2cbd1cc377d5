"""Three ways to use each command, shown at the end of its help; a test reads every line with the parser."""

from __future__ import annotations

from collections.abc import Mapping

# Command → what is typed after the program's name, and what that does.
EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "scan": (
        ('scan --type LORA --base-model "SDXL 1.0" --limit 20', "what twenty models would bring"),
        ("scan https://civitai.com/models/12345 --all-versions", "every version of one model"),
        ("scan --username ann -o plan.json", "save the plan, to edit it and carry it out later"),
    ),
    "download": (
        ('download --type LORA --base-model "SDXL 1.0" --limit 20', "scan, ask once, fetch"),
        ("download 12345 https://civitai.com/models/678 --yes", "these two models, without a question"),
        ("download --plan plan.json -c 8", "carry out a saved plan, eight files at a time"),
    ),
    "images": (
        ("images --username ann --limit 200", "two hundred pictures of a creator"),
        ("images --model-id 12345 --media images --dry-run", "what would come of a model, without clips"),
        ('images --tag "line art" --nsfw PG -o pictures', "pictures of models with a tag, safe ones, elsewhere"),
    ),
    "tags": (
        ("tags", "the tags that the site features"),
        ("tags anime", "those that begin with a text"),
        ("tags style -o tags.txt", "add new ones to a file"),
    ),
    "db view": (
        ("db view --type LORA --sort size", "LoRAs by size"),
        ("db view --status Error", "what failed"),
        ("db view --images --json", "the records of images, for a program"),
    ),
    "db search": (
        ('db search "line art"', "entries with this in their names"),
        ("db search anime --base-model Pony", "of one base model"),
        ("db search ann --images", "image records"),
    ),
    "db verify": (
        ("db verify", "read every file and compare its hash"),
        ("db verify --no-check-hash", "a quick look: are the files there, have they their size"),
        ("db verify --yes", "fetch again what is missing or wrong"),
    ),
    "db redownload": (
        ("db redownload 12345", "one version anew"),
        ("db redownload v_12345 v_678", "ids as `db view` shows them"),
        ("db redownload 12345 --metadata", "with the site's answer beside it"),
    ),
    "db delete": (
        ("db delete --model-id 12345 --dry-run", "show what would go"),
        ("db delete --username ann", "everything by a creator, after a question"),
        ("db delete --query test --keep-files --yes", "forget entries, keep their files"),
    ),
    "library scan": (
        ("library scan ~/ComfyUI/models", "what is in this folder and all below it"),
        ("library scan lora checkpoints --images all", "two folders, with every preview"),
        ("library scan ~/models --only-update", "is there anything new about what is known?"),
    ),
    "catalog map": (
        ("catalog map", "what is in the catalogs, and which files are here"),
        ("catalog map --json", "for a program: as the HTTP answer"),
        ("catalog map --catalog-dir ~/studio/catalog", "of another program's catalogs"),
    ),
    "catalog add": (
        ("catalog add 12345", "put a version into models.json"),
        ("catalog add 12345 --download", "and fetch its file"),
        ("catalog add 12345 --json", "for a program"),
    ),
    "catalog promote": (
        ("catalog promote 12345", "a LoRA from models.json to loras.json"),
        ("catalog promote v_12345", "an id as `db view` shows it"),
        ("catalog promote 12345 --json", "for a program"),
    ),
    "catalog remove": (
        ("catalog remove old.safetensors", "an entry whose file is gone"),
        ('catalog remove "a name with blanks.safetensors"', "in quotes"),
        ("catalog remove old.safetensors --json", "for a program"),
    ),
    "serve": (
        ("serve", "on this machine, at port 8765"),
        ("serve --allow-origin chrome-extension://abcdef --files", "for a browser extension, with the model files"),
        ("serve --host 0.0.0.0 --token a-long-secret-of-yours", "for others in the house"),
    ),
    "library update": (
        ("library update", "newer versions of what you have, of the same base model"),
        ("library update --any-base", "of any base model"),
        ("library update --plan new.json", "saved, for `download --plan new.json`"),
    ),
    "library where": (
        ("library where 66A7279A88", "by the beginning of a hash"),
        ('library where "detail tweaker"', "by a part of a name"),
        ("library where lora --json", "for a program"),
    ),
    "library sidecars": (
        ("library sidecars ~/models --from civitai.info --to stability-matrix --dry-run", "what would be written"),
        ("library sidecars ~/models --from lora-manager --to a1111", "write it, after a question"),
        ("library sidecars ~/models --from a1111 --to swarm --yes", "without a question"),
    ),
    "library missing": (
        ("library missing", "what the site does not have, and since when"),
        ("library missing --output backup/library", "of another library"),
        ("library missing --json", "for a program"),
    ),
    "library duplicates": (
        ("library duplicates", "equal files and what they cost"),
        ("library duplicates --link", "show the plan, ask, put links in their place"),
        ("library duplicates --link --yes", "without a question"),
    ),
    "library clean": (
        ("library clean --dry-run", "what was made for files that are gone"),
        ("library clean", "remove it, after a question"),
        ("library clean --yes --output backup/library", "in another library, without a question"),
    ),
    "library import-data": (
        ("library import-data ~/civitai-data", "take over what the data manager kept"),
        ("library import-data old --output backup/library", "into another library"),
        ("library import-data old --json", "for a program"),
    ),
    "db stats": (
        ("db stats", "counts and bytes, by type, base model, status and creator"),
        ("db stats --json", "the same for a program"),
        ("db stats --database backup/db", "of another database"),
    ),
    "db removed": (
        ("db removed", "which recorded versions the site no longer has"),
        ("db removed --json", "the same for a program"),
        ("db removed --api-delay 1000", "asked slowly"),
    ),
    "db export": (
        ("db export backup.jsonl", "everything that is remembered, as JSON Lines"),
        ("db export -", "to stdout, for a pipe"),
        ("db export backup.jsonl --database other/db", "another database"),
    ),
    "db import": (
        ("db import backup.jsonl", "read such a file"),
        ("db import downloaded_images.json", "take over the image grabber's history"),
        ("db import -", "from stdin"),
    ),
    "clean": (
        ("clean --dry-run", "show what cut-off work left"),
        ("clean --parts", "remove part files too"),
        ("clean -t -m", "remove torrents and magnet files too"),
    ),
    "torrent": (
        ("torrent --announce https://tracker.example/announce", "a torrent for every downloaded version"),
        ("torrent --announce https://tracker.example/announce --model-id 12345 --magnet-links", "of one model"),
        ("torrent --announce https://tracker.example/announce -o torrents -f", "all in one folder, made anew"),
    ),
    "library pages": (
        ("library pages", "make or refresh the pages; open index.html in the library's folder"),
        ("library pages --output /mnt/models/library", "of a library that is elsewhere"),
        ("library pages --json", "which pages there are, for a program"),
    ),
    "config init": (
        ("config init", "write ./config.toml, every key with a comment"),
        ("config init --user", "for all folders of this user"),
        ("config init --force", "over a file that is there"),
    ),
    "config show": (
        ("config show", "every setting, its value and where it is from"),
        ("config show --json", "the same for a program"),
        ("config show --config other.toml", "with another file"),
    ),
    "config path": (
        ("config path", "where settings are read from"),
        ("config path --json", "the same for a program"),
        ("config path --config other.toml", "with another file"),
    ),
    "config check": (
        ("config check", "is the key good, is the site there, can the save path be written"),
        ("config check --save-path /mnt/models", "with another folder"),
        ("config check --json --api-timeout 10", "for a program, which waits ten seconds at most"),
    ),
    "sandbox": (
        ("sandbox", "serve until Ctrl-C"),
        ("sandbox --demo", "show the main job and end"),
        ("sandbox --fault storage_503 --port 8080", "with a fault of the real site"),
    ),
}
