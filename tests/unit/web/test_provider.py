"""Which script the checkout loads, and what its policy lets in for that."""

import stripe

from web import policy
from web.provider import Provider


def test_the_script_is_of_the_release_that_the_server_speaks() -> None:
    train = stripe.api_version.partition(".")[2]
    assert Provider.at(None).script == f"https://js.stripe.com/{train}/stripe.js"


def test_stripe_is_let_in_as_its_guide_asks_for() -> None:
    said = policy.content_security_policy(scripts=["'sha256-x'"], provider=Provider.at(None))
    assert said.split("; ") == [
        "default-src 'none'",
        "script-src 'self' 'sha256-x' https://js.stripe.com https://*.js.stripe.com",
        "style-src 'self'",
        "img-src 'self' data: https://*.stripe.com",
        "connect-src 'self' https://api.stripe.com",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    ]
    assert policy.permissions(Provider.at(None)).endswith('payment=(self "https://js.stripe.com")')


def test_whoever_stands_in_for_stripe_is_one_origin() -> None:
    stand_in = Provider.at("http://127.0.0.1:8420/path/")
    assert stand_in.script == "http://127.0.0.1:8420/path/v3.js"
    for sources in (stand_in.scripts, stand_in.frames, stand_in.connects):
        assert sources == ("http://127.0.0.1:8420",)
    assert stand_in.images == ()


def test_without_a_provider_nobody_is_let_in() -> None:
    assert "http" not in policy.content_security_policy()
    assert "frame-src" not in policy.content_security_policy()
    assert policy.permissions().endswith("payment=()")
