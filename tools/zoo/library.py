"""Networks of torchvision and timm, for images of 3x32x32 or 3x64x64 and ten classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

CLASSES = 10
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": False}
SWIN = ([2, 2], 12, [2, 2], [2, 4], [2, 2])


def _torchvision(name: str, **settings: Any) -> nn.Module:
    from torchvision import models

    return getattr(models, name)(weights=None, num_classes=CLASSES, **settings)


def _timm(name: str, **settings: Any) -> nn.Module:
    import timm

    return timm.create_model(name, num_classes=CLASSES, **settings)


def _made(name: str, *arguments: Any, **settings: Any) -> nn.Module:
    from torchvision import models

    return getattr(models, name)(*arguments, num_classes=CLASSES, **settings)


def _resnet(block: str, **settings: Any) -> nn.Module:
    from torchvision.models import resnet

    return resnet.ResNet(getattr(resnet, block), [1, 1, 1, 1], num_classes=CLASSES, **settings)


TORCHVISION = (
    "alexnet:64 squeezenet1_0:64 squeezenet1_1:64 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large mnasnet0_5 "
    "mnasnet0_75 mnasnet1_0 mnasnet1_3 shufflenet_v2_x0_5 resnet18 resnet34 resnet50 resnext50_32x4d densenet121 "
    "regnet_y_400mf regnet_x_400mf regnet_x_800mf efficientnet_b0 efficientnet_b1 convnext_tiny"
)
TIMM = (
    "regnetx_002 ghostnet_050 ese_vovnet19b_dw:64 resnest14d resnet10t:64 dla34:64 hrnet_w18_small:64 "
    "fbnetc_100 poolformer_s12:64 lcnet_050 hardcorenas_a mobilenetv3_small_050 cspresnet50:64 repvgg_a0:64"
)


def _named(make: Callable[..., nn.Module], library: str, names: str) -> dict[str, Any]:
    pairs = [name.partition(":")[::2] for name in names.split()]
    return {f"{library} {name}": (partial(make, name), int(size or 32)) for name, size in pairs}


LIBRARY: dict[str, tuple[Callable[[], nn.Module], int]] = {
    **_named(_torchvision, "torchvision", TORCHVISION),
    "torchvision googlenet": (partial(_made, "googlenet", **WITHOUT_AUXILIARY), 32),
    "torchvision inception_v3": (partial(_made, "inception_v3", **WITHOUT_AUXILIARY), 80),
    "torchvision ResNet(BasicBlock, [1, 1, 1, 1])": (partial(_resnet, "BasicBlock"), 32),
    "torchvision ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=128)": (
        partial(_resnet, "Bottleneck", width_per_group=128),
        32,
    ),
    "torchvision DenseNet(12, (4, 4, 4), 24)": (partial(_made, "DenseNet", 12, (4, 4, 4), 24), 32),
    "torchvision MobileNetV2(width_mult=0.5)": (partial(_made, "MobileNetV2", width_mult=0.5), 32),
    "torchvision VisionTransformer(32, 8, 2, 4, 32, 64)": (
        partial(_made, "VisionTransformer", 32, 8, 2, 4, 32, 64),
        32,
    ),
    "torchvision SwinTransformer([2, 2], 12, [2, 2], [2, 4], [2, 2])": (partial(_made, "SwinTransformer", *SWIN), 32),
    **_named(_timm, "timm", TIMM),
    "timm deit_tiny_patch16_224(img_size=32)": (partial(_timm, "deit_tiny_patch16_224", img_size=32), 32),
    "timm mixer_s32_224(img_size=64)": (partial(_timm, "mixer_s32_224", img_size=64), 64),
}
"""Name -> what makes it, and the side of its images in pixels."""
