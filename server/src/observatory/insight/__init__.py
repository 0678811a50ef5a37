"""What evidence says in plain words: by a template, or by a model that may say nothing else."""

from observatory.insight.endpoint import Endpoint
from observatory.insight.grounding import Reason, check
from observatory.insight.insight import Insight
from observatory.insight.summary import Sentence, Summary
from observatory.insight.template import TEMPLATE, write

__all__ = ["TEMPLATE", "Endpoint", "Insight", "Reason", "Sentence", "Summary", "check", "write"]
