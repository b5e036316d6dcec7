"""Scores prompts, one JSON string a line, with LiteLLM's complexity router; prints its version, then a score a line."""

import importlib.metadata
import json
import os
import sys

# Prices come with the package; without this it looks for newer ones and waits.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from litellm.router_strategy.complexity_router.complexity_router import ComplexityRouter  # noqa: E402

router = ComplexityRouter(model_name="auto", litellm_router_instance=None)
print(importlib.metadata.version("litellm"))
for line in sys.stdin:
    _tier, score, _signals = router.classify(json.loads(line))
    print(score)
