"""`doctor`: what stands in the way of previews in this cluster, and how to mend it.

Law: these modules look and try; what it means is said by `core.diagnosis`. A check that could not be made
is `unknown`, with the reason. What a trial starts in the cluster is gone when the command ends.
"""

from __future__ import annotations

from kubepreview.cli.doctor.command import doctor

__all__ = ["doctor"]
