"""Plain scalars mean what they mean to kubectl: it is asked itself, offline, about each of them."""

from __future__ import annotations

import json
from pathlib import Path

from kubepreview.render import kustomize, programs
from kubepreview.render.documents import parse
from kubepreview.render.scalars import resolve

# Parted by blanks; a `;` stands for the blank after a tag.
_ALL = """
y Y n N yes No on OFF true TRUE tRue ~ null Null NULL nULL 017 0o17 08 018 0x1F 0X1f 0b11 -0b11
1_000 1__0 _1 1_ 1e3 1E3 1e+3 1.5e3 +12e03 .5 5. -.5 +1 -1 +.5 2.0 0.10 -0 -0.0 0_7 -017 +017 0o8 0x
0b - + . .. 1e e3 1.2.3 12:30:45 2001-01-01 2001-01-01T00:00:00Z 9223372036854775807
-9223372036854775808 1e400 1e400x 685_230.15 0b1010_0111 0xA_F = <<x !!str;12 !!int;"3" !!bool;yes
!!float;3 !!null;"" '' "1" 'yes' ! !;12 !!timestamp;2001-01-01
"""
_SCALARS = _ALL.split()
_KEYS = ("8080", "true", "1.5", "0x10", "2001-01-01", "y2", "~x")


async def test_every_scalar_and_key_means_what_kubectl_takes_it_for(tmp_path: Path) -> None:
    """Numbers, truths, nothings and strings: kubectl's own reading of one file is the expected value."""
    values = "".join(f"- {scalar.replace(';', ' ')}\n" for scalar in _SCALARS)
    keys = "".join(f"  {key}: x\n" for key in _KEYS)
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\nkeys:\n{keys}values:\n{values}"
    file = tmp_path / "all.yaml"
    file.write_text(text)
    asked = [kustomize.kubectl(), "annotate", "--local", "-f", str(file), "-o", "json", "asked=yes"]
    result = await programs.run(asked, what="ask kubectl")
    expected = json.loads(result.stdout)

    (document,) = parse(text.encode(), "all.yaml")

    assert document.value["keys"] == expected["keys"]
    ours = dict(zip(_SCALARS, document.value["values"], strict=True))
    theirs = dict(zip(_SCALARS, expected["values"], strict=True))
    assert {key: (type(value), value) for key, value in ours.items()} == {
        key: (type(value), value) for key, value in theirs.items()
    }


def test_a_number_beyond_64_bits_is_a_float() -> None:
    """So that it can be written as JSON, and read by what has 64 bits."""
    assert [resolve(str(number)) for number in (2**63 - 1, 2**63, 2**64)] == [2**63 - 1, 2.0**63, 2.0**64]
