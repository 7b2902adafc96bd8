"""What a preview is called: its object, its namespace, its host, its URL.

All follow from the project and the number, so doing it twice names the same thing, never two.
`{number}` stands for itself in decimal digits, which no other number's name can equal because the
pattern around it is fixed for the life of a project.
"""

from __future__ import annotations

from kubepreview.core.project_spec import ProjectSpec

_DEFAULT_PORTS = {"http": 80, "https": 443}


def preview_name(number: int) -> str:
    """The name of the Preview object: ``pr-7``."""
    return f"pr-{number}"


def namespace_name(project: ProjectSpec, number: int) -> str:
    """The namespace in which the preview runs: ``rapidrar-pr-7``."""
    return project.namespace_pattern.replace("{number}", str(number))


def host_name(project: ProjectSpec, number: int) -> str:
    """The host that the preview answers: ``pr-7.rapidrar.example.com``."""
    return project.host_pattern.replace("{number}", str(number))


def url(project: ProjectSpec, number: int, path: str = "/") -> str:
    """The link for people, with the port only where it is not the scheme's own."""
    scheme, port = project.route.scheme, project.route.port
    shown = "" if port in (0, _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host_name(project, number)}{shown}{path}"
