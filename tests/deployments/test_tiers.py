import pytest

from deployments.models import Tier
from deployments.secrecy import looks_secret
from deployments.tiers import guess_tier


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("production", "PRODUCTION"),
        ("Production", "PRODUCTION"),
        ("prod", "PRODUCTION"),
        ("prod-eu", "PRODUCTION"),
        ("eu-west-1/prod", "PRODUCTION"),
        ("prod2", "PRODUCTION"),
        ("prd", "PRODUCTION"),
        ("live", "PRODUCTION"),
        ("staging", "STAGING"),
        ("stage", "STAGING"),
        ("stg-2", "STAGING"),
        ("pre-production", "STAGING"),
        ("preprod", "STAGING"),
        ("pre_prod", "STAGING"),
        ("PreProd", "STAGING"),
        ("uat", "STAGING"),
        ("canary", "STAGING"),
        ("prod-canary", "STAGING"),
        ("test", "TESTING"),
        ("testing", "TESTING"),
        ("integration-tests", "STAGING"),
        ("qa3", "TESTING"),
        ("non-prod", "TESTING"),
        ("loadTest", "TESTING"),
        ("dev", "DEVELOPMENT"),
        ("development", "DEVELOPMENT"),
        ("review/shop-12", "DEVELOPMENT"),
        ("pr-1432", "DEVELOPMENT"),
        ("sandbox", "DEVELOPMENT"),
        ("product-catalogue", "OTHER"),
        ("producer", "OTHER"),
        ("latest", "OTHER"),
        ("kubernetes", "OTHER"),
        ("blue", "OTHER"),
        ("", "OTHER"),
        ("本番", "OTHER"),
    ],
)
def test_the_tier_is_guessed_from_the_name(name, tier):
    assert guess_tier(name) == tier
    assert tier in Tier.values


@pytest.mark.parametrize(
    "setting",
    ["DB_PASSWORD", "password", "api-key", "apiKey", "API_KEY", "STRIPE_SECRET", "jwt_token", "SENTRY_DSN",
     "PGPASSWORD", "ssh.private_key", "AWS_SECRET_ACCESS_KEY", "SIGNING_KEY", "smtp_pass", "credentials"],
)  # fmt: skip
def test_a_setting_that_names_a_secret_is_one(setting):
    assert looks_secret(setting)


@pytest.mark.parametrize(
    "setting", ["CACHE_TTL", "KEYBOARD", "monkey", "passenger_limit", "bypass_cache", "compass", "MAX_KEYS_SHOWN", ""]
)
def test_an_innocent_setting_is_not_a_secret(setting):
    assert not looks_secret(setting)
