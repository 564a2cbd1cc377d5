"""`civitai-kit library …`: the model files on your disks, known, kept and shown."""
