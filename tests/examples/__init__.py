"""The examples, run. They are programs of their own, so their folders join the path here."""

from __future__ import annotations

import sys
from pathlib import Path

RAPIDRAR = Path(__file__).parents[2] / "examples" / "rapidrar"

sys.path[:0] = [str(RAPIDRAR), str(RAPIDRAR / "app")]
