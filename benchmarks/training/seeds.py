"""One integer from what it may depend on."""

from __future__ import annotations

import hashlib


def seed_for(dataset: str, network: str, seed: int, purpose: str) -> int:
    """63 bits from the names: methods share the initialisation and the data order of a seed, so differences pair."""
    digest = hashlib.sha256(f"{dataset}|{network}|{seed}|{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
