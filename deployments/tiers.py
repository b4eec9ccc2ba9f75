"""What an environment is for, guessed from its name. Pure."""

import re

#: Word parts that tell, the most telling first: "pre-production" is staging, "production-test" a test.
WORDS = (
    ("STAGING", r"pre-?prod\w*|preprod\w*|stag\w*|stg|uat|acceptance|preview|canary|demo|integration|int|pre|mirror"),
    ("TESTING", r"test\w*|tst|qa|qs|quality|load|perf\w*|e2e|ci|sit"),
    ("DEVELOPMENT", r"dev\w*|development|local\w*|sandbox|sbx|review|feature|pr|mr|branch"),
    ("PRODUCTION", r"prod|prods|prd|live|www|main|production|public"),
)
PARTS = re.compile(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[a-z]*[0-9]+")


def guess_tier(name: str) -> str:
    """Return PRODUCTION, STAGING, TESTING, DEVELOPMENT or OTHER for a name such as "prod-eu" or "review/shop-12"."""
    joined = name.lower().replace("_", "-")
    if re.search(r"\b(?:pre|non)-?prod", joined):
        return "STAGING" if "pre" in joined else "TESTING"
    words = [re.sub(r"[0-9]+$", "", part.lower()) for part in PARTS.findall(name)]
    for tier, pattern in WORDS:
        if any(re.fullmatch(pattern, word) for word in words):
            return tier
    return "OTHER"
