"""The site's own word lists, as of August 2026 (site.md 10.1); its base models are in `core.site.base_models`."""

from civitai_kit.core.site.base_models import ecosystem_of

MODEL_TYPES = (
    "Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon", "DoRA", "Controlnet",
    "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet", "CLIPVision", "Poses", "Wildcards", "Workflows",
    "ComfyWorkflows", "Detection", "VisionLanguage", "CLIP", "LLM", "Other",
)  # fmt: skip

MODEL_FILE_TYPES = (
    "Model", "Text Encoder", "Vision Encoder", "Pruned Model", "Negative", "Training Data", "VAE", "Config", "Archive",
    "UNet", "Diffusion Model", "CLIPVision", "ControlNet", "Workflow", "Upscaler", "Enhancement LoRA", "Other",
)  # fmt: skip

WEIGHT_TYPES = ("Model", "Pruned Model", "Diffusion Model", "UNet")
COMPONENT_TYPES = ("VAE", "Text Encoder", "Vision Encoder", "UNet", "CLIPVision", "ControlNet")
FILE_FORMATS = ("SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other")
FILE_SIZES = ("full", "pruned")
BASE_MODEL_TYPES = ("Standard", "Inpainting", "Refiner", "Pix2Pix")
CHECKPOINT_TYPES = ("Trained", "Merge")
MODEL_SORTS = (
    "Highest Rated", "Most Downloaded", "Most Liked", "Most Discussed", "Most Collected", "Most Images",
    "Newest", "Oldest",
)  # fmt: skip
IMAGE_SORTS = ("Most Reactions", "Most Comments", "Most Collected", "Newest", "Oldest", "Random")
PERIOD_DAYS = {"Day": 1, "Week": 7, "Month": 30, "Year": 365}
PERIODS = (*PERIOD_DAYS, "AllTime")
AVAILABILITIES = ("Public", "Unsearchable", "Private", "EarlyAccess")
COMMERCIAL_USES = ("None", "Image", "RentCivit", "Rent", "Sell")
MEDIA_TYPES = ("image", "video", "audio")
NSFW_WORDS = {"None": 1, "Soft": 3, "Mature": 7, "X": 31, "Blocked": 32}

PG, ALL_LEVELS, NSFW_LEVELS = 1, 31, 28

AIR_TYPES = {
    "Checkpoint": "checkpoint", "LORA": "lora", "LoCon": "lycoris", "DoRA": "dora", "TextualInversion": "embedding",
    "Hypernetwork": "hypernet", "AestheticGradient": "ag", "MotionModule": "motion", "VAE": "vae",
    "Controlnet": "controlnet", "Upscaler": "upscaler", "TextEncoder": "text_encoders", "UNet": "unet",
    "CLIPVision": "clipvision", "CLIP": "clip", "VisionLanguage": "visionlanguage",
}  # fmt: skip


def air(base_model: str, model_type: str, model_id: int, version_id: int) -> str:
    """The AIR of a version (site.md 11)."""
    return f"urn:air:{ecosystem_of(base_model)}:{AIR_TYPES.get(model_type, 'unknown')}:civitai:{model_id}@{version_id}"
