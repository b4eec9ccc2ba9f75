"""What the pages of this floor take in; each refusal names the field and the fix."""

from monitoring.forms.bulk import BulkForm
from monitoring.forms.checks import CheckForm
from monitoring.forms.filters import ChecksForm, SpanForm
from monitoring.forms.watching import PolicyForm

__all__ = ["BulkForm", "CheckForm", "ChecksForm", "PolicyForm", "SpanForm"]
