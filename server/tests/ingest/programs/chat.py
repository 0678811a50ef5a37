"""A program that talks to a model, watched by an instrumentation that knows nothing of this product.

Arguments: module of the instrumentation, deployment environment, model, number of chats.
"""

from __future__ import annotations

import importlib
import sys

import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

instrumentation, environment, model, chats = sys.argv[1:]
resource = Resource.create({"service.name": "chat", "deployment.environment.name": environment})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
importlib.import_module(instrumentation).OpenAIInstrumentor().instrument(tracer_provider=tracers)

client = openai.OpenAI(api_key="sk-none", max_retries=0)
question: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "buy?"}]
for _ in range(int(chats)):
    answer = client.chat.completions.create(model=model, messages=question, temperature=0.1)
    assert answer.choices[0].message.content == "hold"
try:
    client.chat.completions.create(model="missing", messages=question)
except openai.NotFoundError:
    tracers.shutdown()
