"""Server-rendered pages: templates of this package, everything escaped, nothing loaded from elsewhere, no script."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_templates = Environment(
    loader=PackageLoader("observatory.api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(
    template: str, values: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """The page `template` filled with `values`.

    Raises:
        jinja2.UndefinedError: the template names a value that is missing.
    """
    body = _templates.get_template(template).render(values)
    return HTMLResponse(body, status, {"Content-Security-Policy": _CONTENT_SECURITY_POLICY, **(headers or {})})
