"""What is taken from salesforce-lavis: addresses, downloads and the vocabulary.

The addresses are those in LAVIS's own model configurations, and files come by LAVIS's own
download code into its cache (``TORCH_HOME``).
"""

import warnings
from pathlib import Path
from types import ModuleType

from PIL import ImageFile

from sprc.published import ModelType


class LavisError(Exception):
    """LAVIS or something that comes through it is not to be had."""


def import_lavis() -> ModuleType:
    """LAVIS, with all its models registered. Raises `LavisError`."""
    try:
        with warnings.catch_warnings():
            # Of fairscale, about names of PyTorch that are going to change.
            warnings.simplefilter("ignore", FutureWarning)
            import lavis
    except ImportError as error:
        raise LavisError(f"LAVIS cannot be imported: {error}; make setup-training") from error
    except RuntimeError as error:
        if "torchvision" not in str(error):
            raise
        raise LavisError(
            "LAVIS cannot be imported, since torchvision was built for another torch: install "
            "both from PyPI, or both from PyTorch's CPU index"
        ) from error
    # LAVIS lets Pillow fill up pictures that are cut short, for the whole process: a broken file
    # would then train as a grey one, and nobody be told.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    module: ModuleType = lavis
    return module


def published_address(backbone: ModelType) -> str:
    """Where LAVIS's configuration says that BLIP-2's weights lie. Raises `LavisError`."""
    import_lavis()
    from lavis.common.registry import registry
    from omegaconf import OmegaConf

    blip2 = registry.get_model_class("blip2")
    return str(OmegaConf.load(blip2.default_config_path(backbone)).model.pretrained)


def fetch(address: str) -> Path:
    """A file by its path, or by its URL out of LAVIS's cache, downloaded if it is not there.

    Raises `LavisError`.
    """
    import_lavis()
    from lavis.common.dist_utils import download_cached_file
    from lavis.common.utils import is_url

    if not is_url(address):
        if not Path(address).is_file():
            raise LavisError(f"{address} does not exist")
        return Path(address)
    try:
        return Path(download_cached_file(address, check_hash=False, progress=True))
    except OSError as error:
        raise LavisError(
            f"{address} cannot be downloaded ({error}): fetch it by other means and put it into "
            "LAVIS's cache, the folder hub/checkpoints in TORCH_HOME"
        ) from error


def vocabulary() -> list[str]:
    """BERT's uncased words in the order of their numbers, as LAVIS gets them. Raises `LavisError`.

    They come from a folder ``bert-base-uncased`` in the working directory if there is one, else
    from the Hugging Face hub and its cache.
    """
    import_lavis()
    from lavis.models.blip2_models.blip2 import Blip2Base

    try:
        numbers: dict[str, int] = Blip2Base.init_tokenizer().vocab
    except OSError as error:
        raise LavisError(
            "the words of bert-base-uncased cannot be downloaded: name a vocab.txt instead"
        ) from error
    return sorted(numbers, key=numbers.__getitem__)
