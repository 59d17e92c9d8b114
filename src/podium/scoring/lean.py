"""What a scorer and its helpers have loaded stays."""

import gc


def keep() -> None:
    """What is loaded now stays: to look through it for rings again and again would make rows wait."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
