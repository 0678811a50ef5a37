"""The API described by itself."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from observatory.api import html
from observatory.api.access import require
from observatory.auth import READ

# Its icons are pictures within its style sheet.
_SWAGGER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False, dependencies=[Depends(require(READ))])


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI 3.1 document."""
    return JSONResponse(described(request.app))


@router.get("/docs")
async def show(request: Request) -> Response:
    """The endpoints, to read and to try, by Swagger UI; where the pages were not built it is the plain list."""
    if not request.app.state.swagger:
        return RedirectResponse("/plain/docs", 303)
    return html.render("swagger.html", {}, headers={"Content-Security-Policy": _SWAGGER_POLICY})


@router.get("/plain/docs")
async def show_plain(request: Request) -> HTMLResponse:
    """A plain list of the endpoints."""
    return html.render("docs.html", {"operations": operations(described(request.app)), "title": "Endpoints"})


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with its examples whole: the framework leaves every null out of them."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    found: set[type[BaseModel]] = set()
    for answer in app.state.answers:
        _models(answer, found)
    for model in found:
        extra = model.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and model.__name__ in schemas:
            schemas[model.__name__] |= extra
    return document


def _models(annotation: object, found: set[type[BaseModel]]) -> None:
    """Add the models that a type is made of, each of their fields' too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in found:
            found.add(annotation)
            for field in annotation.model_fields.values():
                _models(field.annotation, found)
        return
    for part in get_args(annotation):
        _models(part, found)


def operations(document: dict[str, Any]) -> list[dict[str, object]]:
    """Each operation of an OpenAPI document: method, path, sentence, parameters (name, place, sentence)."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "sentence": operation.get("description") or operation.get("summary", ""),
            "parameters": [
                {"name": each["name"], "place": each["in"], "sentence": each.get("description", "")}
                for each in operation.get("parameters", [])
            ],
        }
        for path, item in sorted(document["paths"].items())
        for method, operation in item.items()
    ]
