"""A person with a browser that knows no script: opens pages, fills in the forms that are there, presses a button."""

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar


@dataclass
class Form:
    """A form as it stands in the page: where it goes, and what it sends if nobody touches it."""

    action: str
    method: str
    values: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def fill(self, given):
        for name, value in given.items():
            assert name in self.names, f"the form has no field {name}; it has {sorted(self.names)}"
            self.values[name] = [str(item) for item in (value if isinstance(value, list) else [value])]


class FormParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self._form, self._select, self._area = [], None, None, None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self._form = Form(attrs.get("action") or "", attrs.get("method", "get").lower())
            self.forms.append(self._form)
        name = attrs.get("name")
        if self._form is None:
            return
        if tag == "option" and self._select:
            if "selected" in attrs or self._select not in self._form.values:
                self._form.values[self._select] = [attrs.get("value", "")]
        elif name and tag in ("input", "select", "textarea", "button"):
            self._form.names.add(name)
            self._start_field(tag, name, attrs)

    def _start_field(self, tag, name, attrs):
        kind = attrs.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            self._form.values[name] = [""]
        elif kind in ("checkbox", "radio"):
            if "checked" in attrs:
                self._form.values.setdefault(name, []).append(attrs.get("value", "on"))
        elif tag == "input" and kind != "submit":
            self._form.values[name] = [attrs.get("value", "")]

    def handle_data(self, data):
        if self._area:
            self._form.values[self._area][0] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None


@dataclass(frozen=True)
class Page:
    url: str
    status: int
    text: str

    def forms(self):
        parser = FormParser()
        parser.feed(self.text)
        return parser.forms

    def form_with(self, *names):
        """The first form that has all these fields."""
        found = [form for form in self.forms() if set(names) <= form.names and form.method == "post"]
        assert found, f"no form with {names} on {self.url}; there are {[sorted(form.names) for form in self.forms()]}"
        return found[0]


class Person:
    """One browser session."""

    def __init__(self, site):
        self.site = site
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, path, data=None, referer=None):
        request = urllib.request.Request(urllib.parse.urljoin(self.site, path), data=data)
        if referer:
            request.add_header("Referer", referer)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return Page(answer.url, answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Page(error.url, error.code, error.read().decode())

    def submit(self, path, *also, **values):
        """Open `path`, fill and send the form that has the fields `values` (and `also`); return what comes."""
        page = self.open(path)
        assert page.status == 200, f"{path} answered {page.status}"
        form = page.form_with(*values, *also)
        form.fill(values)
        body = urllib.parse.urlencode(form.values, doseq=True).encode()
        return self.open(urllib.parse.urljoin(page.url, form.action), body, referer=page.url)

    def sign_in(self, name, password):
        page = self.submit("/account/login/", login=name, password=password)
        assert "/account/login/" not in page.url, f"{name} could not sign in"
        return self
