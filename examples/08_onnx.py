"""ONNX: a network as one file, and its joints from it without PyTorch or epipose.

    python examples/08_onnx.py

Needs pip install 'epipose[onnx]'. Half a minute. The network is the one that comes with the package; yours is the folder
model/ that epipose run or train has written.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import epipose
from epipose.network.pretrained import pretrained_model


def main(out: Path, model: Path | None = None) -> dict[str, np.ndarray]:
    """Write the network as ONNX and run it on a crop; returns its outputs."""
    path = out / "model.onnx"
    epipose.export(model or pretrained_model("full"), path)

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    config = json.loads(session.get_modelmeta().custom_metadata_map["epipose"])  # all that is needed to use it
    size = session.get_inputs()[0].shape[1]
    # A square about the person, as RGB bytes. `epipose.predict(photo, model=path)` finds and cuts it out by itself.
    crop = np.random.default_rng(0).integers(0, 255, (1, size, size, 3), np.uint8)
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {"images": crop}), strict=True))

    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {size} x {size} RGB bytes in")
    print(f"config: {', '.join(config)}")
    for name, value in outputs.items():  # uvd: joints in widths of the crop, d away from the camera
        print(f"  {name:20} {value.shape}")
    return outputs


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
