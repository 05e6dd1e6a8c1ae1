"""A pruned network as ONNX gives the module's logits, whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
import torch

from benchmarks import registry
from benchmarks.pruned import write_onnx
from methods.core.structure.structure import Structure
from tests.kinds import settled

LARGE = [pytest.param(network, marks=pytest.mark.slow) for network in ("densenet_bc", "mobilenet_v2", "vit_tiny")]


@pytest.mark.parametrize("network", ["lenet5", "resnet8", *LARGE])
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch.export's own
def test_onnx_has_the_logits_of_the_shrunk_network_at_every_batch_size(network: str, tmp_path: Path) -> None:
    shape, classes = (1, 8, 8), registry.load("dataset", "digits").CLASSES
    dense = registry.load("network", network).build(*shape[:2], classes)
    structure = Structure.of(dense, torch.zeros(1, *shape), 1)
    keep = {group.name: torch.arange(group.size) < max(1, group.size // 2) for group in structure.groups}
    net = settled(structure.shrink(dense, keep))
    write_onnx(net, "digits", tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for n in (1, 2, 7):
        images = torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.inference_mode():
            expected = net(images)
        assert logits.shape == (n, classes)
        assert (torch.from_numpy(logits) - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, benchmarks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT).returncode == 0
    with pytest.raises(ImportError):
        from benchmarks import lode  # noqa: F401
