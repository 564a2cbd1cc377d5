"""`python -m civitai_kit`: the same program as the command `civitai-kit`."""

from civitai_kit.cli.start import main

if __name__ == "__main__":
    raise SystemExit(main())
