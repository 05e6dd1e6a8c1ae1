"""Networks on which removal of channels is proven: small ones, and those of torchvision and timm."""
