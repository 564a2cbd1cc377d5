"""The site's own word lists, as of August 2026 (API facts 10.1 and 10.2)."""

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

ACTIVE_BASE_MODELS = {
    "Anima": "anima",
    "AuraFlow": "auraflow",
    "Chroma": "chroma",
    "CogVideoX": "cogvideox",
    "Ernie": "ernie",
    "Flux.1 S": "flux1",
    "Flux.1 D": "flux1",
    "Flux.1 Krea": "fluxkrea",
    "Flux.1 Kontext": "flux1kontext",
    "Flux.2 D": "flux2",
    "Flux.2 Klein 9B": "flux2",
    "Flux.2 Klein 9B-base": "flux2",
    "Flux.2 Klein 4B": "flux2",
    "Flux.2 Klein 4B-base": "flux2",
    "Flux 3 Video": "flux3video",
    "Grok": "grok",
    "HappyHorse": "happyhorse",
    "HiDream": "hidream",
    "HiDream-O1": "hidream-o1",
    "Hunyuan 1": "hydit1",
    "Hunyuan Video": "hyv1",
    "Ideogram 4.0": "ideogram",
    "Boogu": "boogu",
    "Illustrious": "sdxl",
    "Kolors": "kolors",
    "Krea 2": "krea2",
    "LTXV": "ltxv",
    "LTXV2": "ltxv2",
    "LTXV 2.3": "ltxv23",
    "Lens": "lens",
    "Lumina": "lumina",
    "MageFlow": "mageflow",
    "MAI": "mai",
    "Mochi": "mochi",
    "NoobAI": "sdxl",
    "Upscaler": "other",
    "Other": "other",
    "PixArt a": "pixarta",
    "PixArt E": "pixarte",
    "Pony": "sdxl",
    "Pony V7": "auraflow",
    "Qwen": "qwen",
    "Qwen 2": "qwen2",
    "Qwen 3": "qwen3",
    "SD 1.4": "sd1",
    "SD 1.5": "sd1",
    "SD 1.5 LCM": "sd1",
    "SD 1.5 Hyper": "sd1",
    "SD 2.0": "sd2",
    "SD 2.1": "sd2",
    "SDXL 1.0": "sdxl",
    "SDXL Lightning": "sdxl",
    "SDXL Hyper": "sdxl",
    "Reve": "reve",
    "Wan Video 1.3B t2v": "wanvideo1_3b_t2v",
    "Wan Video 14B t2v": "wanvideo14b_t2v",
    "Wan Video 14B i2v 480p": "wanvideo14b_i2v_480p",
    "Wan Video 14B i2v 720p": "wanvideo14b_i2v_720p",
    "Wan Video 2.2 TI2V-5B": "wanvideo-22-ti2v-5b",
    "Wan Video 2.2 I2V-A14B": "wanvideo-22-i2v-a14b",
    "Wan Video 2.2 T2V-A14B": "wanvideo-22-t2v-a14b",
    "Wan Video 2.5 T2V": "wanvideo-25-t2v",
    "Wan Video 2.5 I2V": "wanvideo-25-i2v",
    "Wan Image 2.7": "wanimage27",
    "Wan Video 2.7": "wanvideo27",
    "ZImageTurbo": "zimageturbo",
    "ZImageBase": "zimagebase",
    "MiniMax H3": "minimaxh3",
    "ACE Audio": "ace",
}
"""Base models that can be chosen, with their ecosystem in AIRs."""

HIDDEN_BASE_MODELS = {
    "Imagen4": "imagen4",
    "Nano Banana": "nanobanana",
    "ODOR": "odor",
    "OpenAI": "openai",
    "Playground v2": "playgroundv2",
    "Stable Cascade": "scascade",
    "SD 2.0 768": "sd2",
    "SD 2.1 768": "sd2",
    "SD 2.1 Unclip": "sd2",
    "SD 3": "sd3",
    "SD 3.5": "sd3",
    "SD 3.5 Large": "sd3",
    "SD 3.5 Large Turbo": "sd3",
    "SD 3.5 Medium": "sd3_5m",
    "SDXL 0.9": "sdxl",
    "SDXL 1.0 LCM": "sdxl",
    "SDXL Turbo": "sdxl",
    "SDXL Distilled": "sdxldistilled",
    "Seedream": "seedream",
    "SVD": "svd",
    "SVD XT": "svd",
    "Sora 2": "sora2",
    "Veo 3": "veo3",
    "Wan Video": "wanvideo",
    "Vidu Q1": "vidu",
    "Kling": "kling",
    "Seedance": "seedance",
    "PolyGen": "polygen",
    "Tripo": "tripo",
    "Hunyuan3D": "hunyuan3d",
}
"""Base models that are known but not offered any more."""

BASE_MODELS = ACTIVE_BASE_MODELS | HIDDEN_BASE_MODELS


def air(base_model: str, model_type: str, model_id: int, version_id: int) -> str:
    """The AIR of a version (API facts 11)."""
    ecosystem = BASE_MODELS.get(base_model, base_model.lower())
    return f"urn:air:{ecosystem}:{AIR_TYPES.get(model_type, 'unknown')}:civitai:{model_id}@{version_id}"
