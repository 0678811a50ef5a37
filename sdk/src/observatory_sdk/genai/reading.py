"""A call read as it happens: the request first, the response piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType

from observatory_sdk.genai import anthropic, bedrock, cohere, gemini, ollama, openai
from observatory_sdk.genai.call import Call
from observatory_sdk.genai.documents import Documents, parsed
from observatory_sdk.genai.draft import Draft, added
from observatory_sdk.genai.unpacking import Unpacked

Request = Mapping[str, object] | bytes | str | None
Response = Mapping[str, object] | bytes | str | Iterable[object] | None

# Told by the path: a provider may answer in another's form beside its own.
_FORMS = (gemini, anthropic, openai, bedrock, cohere, ollama)
_OWN = {
    "anthropic": anthropic,
    "aws.bedrock": bedrock,
    "bedrock": bedrock,
    "cohere": cohere,
    "gcp.gemini": gemini,
    "gcp.vertex_ai": gemini,
    "gemini": gemini,
    "google": gemini,
    "ollama": ollama,
}


def operation(path: str) -> str | None:
    """What a POST to this path asks of a model (`chat`, `generate_content`, `embeddings`, ...); None: of no model."""
    bare = path.partition("?")[0]
    return next((found for form in _FORMS if (found := form.operation(bare)) is not None), None)


class Reading:
    """Reads one call. Nothing of a text is kept, and no more than one document of the body at a time.

    `provider`: OpenTelemetry's name. `request`: its body, parsed or not.
    """

    def __init__(self, provider: str, path: str, request: Request) -> None:
        bare = path.partition("?")[0]
        self._provider = provider
        self._form = _form(provider, bare)
        self._draft = Draft(operation=operation(bare))
        self._documents = Documents()
        self._unpacked = Unpacked(None)
        self._status: int | None = None
        self.begun = False
        """Whether a first document has come."""
        self._form.asked(self._draft, bare, _body(request))

    def answered(self, status: int | None, encoding: str | None = None) -> None:
        """The response's status, and its `content-encoding` where the pieces come as they were sent."""
        self._status = status
        self._unpacked = Unpacked(encoding)

    def feed(self, chunk: bytes) -> None:
        """The next piece of the response's body."""
        self.tell(self._documents.feed(self._unpacked.feed(chunk)))

    def tell(self, documents: Iterable[object]) -> None:
        """The next documents of the response."""
        for document in documents:
            self.begun = True
            if isinstance(document, Mapping):
                self._form.told(self._draft, document)
            elif isinstance(document, list):
                self.tell(document)

    def refused(self, named: str | None) -> None:
        """The error that a header names, where the body names none."""
        if named:
            self._draft.failed(named.partition(":")[0])

    def call(self) -> Call:
        """What is known, when no more comes."""
        self.feed(self._unpacked.end())
        self.tell(self._documents.end())
        draft = self._draft
        output = draft.output_tokens if draft.closing else None
        if draft.fresh_tokens is not None:
            draft.input_tokens = added(draft.fresh_tokens, draft.cache_read_tokens, draft.cache_write_tokens)
        return Call(
            provider=self._provider,
            operation=draft.operation,
            request_model=draft.request_model,
            response_model=draft.response_model,
            response_id=draft.response_id,
            finish_reasons=tuple(draft.finish_reasons[place] for place in sorted(draft.finish_reasons)),
            input_tokens=draft.input_tokens,
            output_tokens=output,
            cache_read_tokens=draft.cache_read_tokens,
            cache_write_tokens=draft.cache_write_tokens,
            reasoning_tokens=draft.reasoning_tokens if draft.closing else None,
            total_tokens=_total(draft) if draft.closing else None,
            error_type=draft.error_type or self._error(),
            is_stream=self._documents.streams if draft.is_stream is None else draft.is_stream,
            conversation_id=draft.conversation_id,
        )

    def _error(self) -> str | None:
        if self._status is not None and self._status >= 400:
            return str(self._status)
        return "error" if self._draft.is_error else None

    @property
    def asked(self) -> Call:
        """What the request alone says."""
        draft = self._draft
        return Call(
            provider=self._provider,
            operation=draft.operation,
            request_model=draft.request_model,
            is_stream=draft.is_stream,
            conversation_id=draft.conversation_id,
        )


def read(
    provider: str,
    path: str,
    request: Request = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    response: Response = None,
) -> Call:
    """What a call used.

    `provider`: OpenTelemetry's name, such as `openai`. `path`: of the URL, or all of it; it tells the form. `request`,
    `response`: parsed JSON, text, or bytes; a response also as a list of documents, or of pieces of text or bytes, as a
    stream brings them. `status`, `headers`: the response's. Never raises for what stands in them: what is in no known
    shape stays unknown.
    """
    reading = Reading(str(provider or ""), str(path or ""), request)
    known = isinstance(status, int) and not isinstance(status, bool)
    reading.answered(status if known else None, _header(headers, "content-encoding"))
    if isinstance(response, Mapping):
        reading.tell([response])
    elif isinstance(response, bytes | bytearray | memoryview | str):
        reading.feed(_bytes(response))
    elif isinstance(response, Iterable):
        for part in response:
            if isinstance(part, bytes | bytearray | memoryview | str):
                reading.feed(_bytes(part))
            else:
                reading.tell([part])
    reading.refused(_header(headers, "x-amzn-errortype"))
    return reading.call()


def _form(provider: str, path: str) -> ModuleType:
    told = next((form for form in _FORMS if form.operation(path) is not None), None)
    return told or _OWN.get(provider, openai)


def _body(request: Request) -> Mapping[str, object] | None:
    if isinstance(request, bytes | str):
        request = next((found for found in parsed(request) if isinstance(found, Mapping)), None)
    return request if isinstance(request, Mapping) else None


def _bytes(part: bytes | bytearray | memoryview | str) -> bytes:
    return part.encode("utf-8", "replace") if isinstance(part, str) else bytes(part)


def _header(headers: object, wanted: str) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    named = (value for name, value in headers.items() if str(name).lower() == wanted)
    return next((str(value) for value in named), None)


def _total(draft: Draft) -> int | None:
    if draft.total_tokens is not None or draft.input_tokens is None or draft.output_tokens is None:
        return draft.total_tokens
    return draft.input_tokens + draft.output_tokens
