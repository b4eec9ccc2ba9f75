"""What the pages of this floor take in; each refusal names the field and the fix."""

from monitoring.forms.checks import MAX_HEADERS, CheckForm
from monitoring.forms.filters import ChecksForm, RangeForm
from monitoring.forms.watching import PolicyForm

__all__ = ["MAX_HEADERS", "CheckForm", "ChecksForm", "PolicyForm", "RangeForm"]
