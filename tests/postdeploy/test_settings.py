"""Settings refuse surprises: an unknown value is an error at start that names its variable and the way out."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from postdeploy import env

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "SITE_URL": "https://deploys.example.org",
    "SECRET_KEY": "qY7-0fLw2VbJd8sXo4RkTn6HcZeUa1Mg9iPr5yWvB3xKtCj_EhDlSuNmGzAfOqIp",
    "TRUSTED_PROXIES": "1",
    "LOG_FORMAT": "json",
}


def manage(*arguments, **variables):
    known = {
        name: os.environ[name] for name in ("PATH", "HOME", "DATABASE_URL", "REDIS_URL", "VAR") if name in os.environ
    }
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**known, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_deployment_checks_have_nothing_to_say_about_a_production_environment():
    done = manage("check", "--deploy", "--fail-level", "INFO", **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_refusal_at_start_ends_with_one_sentence_that_names_the_variable():
    done = manage("check", TRUSTED_PROXIES="some")
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith("TRUSTED_PROXIES is 'some': use a whole number from 0 to 10")


REFUSED = [
    (lambda: env.env_bool("X", False), "perhaps", "use 1 or 0"),
    (lambda: env.env_int("X", 1, low=1, high=9), "10", "from 1 to 9"),
    (lambda: env.env_int("X", 1), "1.5", "whole number"),
    (lambda: env.env_choice("X", "a", {"a", "b"}), "c", "a, b"),
    (lambda: env.env_networks("X"), "10.0.0.0/99", "10.0.0.0/8"),
    (lambda: env.env_location("X"), "EU West", "such as eu-west"),
    (lambda: env.env_location("X"), "home", "leave it empty"),
    (lambda: env.env_url("X", "redis://h", {"redis"}), "mysql://user:hidden@h", "redis://"),
    (lambda: env.env_url("X", "redis://h", {"redis"}), "redis", "redis://"),
    (lambda: env.env_origin("X", "http://h"), "https://h/path", "https://deploys.example.org"),
    (lambda: env.env_origin("X", "http://h"), "h.example.org", "https://"),
    (lambda: env.env_bind("X", "h:1"), "8000", "127.0.0.1:8000"),
    (lambda: env.env_bind("X", "h:1"), "127.0.0.1", "127.0.0.1:8000"),
    (lambda: env.env_bind("X", "h:1"), "127.0.0.1:http", "127.0.0.1:8000"),
    (lambda: env.env_bind("X", "h:1"), "::1:8000", "[::1]:8000"),
]


@pytest.mark.parametrize(("read", "value", "way_out"), REFUSED)
def test_a_surprising_value_is_refused_with_its_name_and_the_way_out(monkeypatch, read, value, way_out):
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read()
    assert str(refusal.value).startswith("X")
    assert way_out in str(refusal.value)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_means_the_default(monkeypatch, empty):
    monkeypatch.setenv("X", empty)
    assert env.env_bool("X", True) is True
    assert env.env_int("X", 7) == 7
    assert env.env_choice("X", "a", {"a"}) == "a"
    assert env.env_url("X", "redis://h", {"redis"}) == "redis://h"
    assert env.env_bind("X", "[::1]:8000") == "[::1]:8000"
    assert env.env_list("X") == []
    assert env.env_networks("X") == []
    assert env.env_location("X") == ""


def test_good_values_are_taken(monkeypatch):
    monkeypatch.setenv("X", "https://deploys.example.org:8443/")
    assert env.env_origin("X", "http://h") == "https://deploys.example.org:8443"
    monkeypatch.setenv("X", "10.1.2.3/8, fd00::1/8")
    assert env.env_networks("X") == ["10.0.0.0/8", "fd00::/8"]
    assert env.host_of("https://[::1]:8000") == "[::1]"
    assert env.host_of("https://deploys.example.org") == "deploys.example.org"


def test_the_secret_key_is_made_once_and_kept_to_its_owner(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    key = env.secret_key(tmp_path / "var")
    assert len(key) >= 50
    assert env.secret_key(tmp_path / "var") == key
    assert stat.S_IMODE((tmp_path / "var" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_given_secret_key_wins_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "given")
    assert env.secret_key(tmp_path / "var") == "given"
    assert not (tmp_path / "var").exists()
