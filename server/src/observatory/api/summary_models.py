"""What a summary answers with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from observatory.api.diagnose_models import EvidenceItem

AT = "2026-01-02T03:04:05.000Z"
_EVIDENCE: dict[str, Any] = {
    "id": "alert:7b0f6f4d5c3b2a1908f7e6d5:1",
    "sentence": "trading_execution.unknown_age.critical, critical, the root: age of the oldest order: 72 s",
    "value": None,
    "usual": None,
    "unit": "",
    "samples": 1,
    "since": AT,
    "until": None,
    "source": "alerts",
    "link": "/api/v1/monitoring/alerts/7b0f6f4d5c3b2a1908f7e6d5",
}


class SummarySentence(BaseModel):
    """One sentence, with the ids of the evidence that it was held against."""

    text: str
    evidence: list[str]


class SummaryAnswer(BaseModel):
    """Evidence in plain words.

    `by` is `template`, or the name of the model; `dropped` counts the model's sentences that the evidence did not hold,
    by reason; `failure` says why a model that is set did not write.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject": "incident 20260102t030405-7b0f6f4d",
                    "by": "template",
                    "sentences": [{"text": _EVIDENCE["sentence"], "evidence": [_EVIDENCE["id"]]}],
                    "dropped": {},
                    "failure": "",
                    "evidence": [_EVIDENCE],
                }
            ]
        }
    )

    subject: str
    by: str
    sentences: list[SummarySentence]
    dropped: dict[str, int]
    failure: str
    evidence: list[EvidenceItem]
