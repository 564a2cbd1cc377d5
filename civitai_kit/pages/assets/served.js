// Empty on purpose: `civitai-kit serve` answers with a script of its own here, which fetches models to its disk.
