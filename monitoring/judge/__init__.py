"""Did this deployment make it worse? The statistics of a verdict: plain data in, findings with reasons out.

Pure: numpy only, no clock, no database, and the same answer for the same input. ``judge_metric`` and ``judge_check``
look at one thing each, ``judge_deployment`` puts the findings together; ``looks`` says when, and how sure an early look
must be.
"""

#: Changes whenever the same input could give another answer; kept with every verdict.
RULE_VERSION = "4"
