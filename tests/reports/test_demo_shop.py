"""The demo's shop is a real service whose versions behave differently."""

import json
import threading
import urllib.error
import urllib.request

import pytest

from reports.demo.service import Shop


@pytest.fixture
def shop(tmp_path):
    shop = Shop(0, tmp_path / "version")
    thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield shop
    shop.shutdown()
    thread.join()
    shop.server_close()


def ask(shop, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{shop.server_port}{path}", data=data)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_first_version_sells(shop):
    assert ask(shop, "/checkout") == (200, {"status": "ok", "version": "v1.0.0"})


def test_the_second_version_fails_at_the_checkout_only(shop):
    assert ask(shop, "/release", {"version": "v1.1.0"}) == (200, {"version": "v1.1.0"})

    assert ask(shop, "/checkout")[0] == 503
    assert ask(shop, "/search")[0] == 200


def test_a_cart_is_checked_out_and_booked(shop):
    cart = ask(shop, "/cart", {"item": 1})[1]["cart"]
    assert ask(shop, f"/cart/{cart}/checkout", {}) == (200, {"status": "paid", "order": 1841})
    assert ask(shop, "/books") == (200, {"orders": 1841, "payments": 1841})


def test_the_second_version_books_orders_that_nobody_paid(shop):
    ask(shop, "/release", {"version": "v1.1.0"})
    assert ask(shop, "/cart/c-1/checkout", {})[0] == 503
    assert ask(shop, "/books") == (200, {"orders": 1841, "payments": 1840})


def test_it_remembers_its_version_across_a_restart(shop, tmp_path):
    ask(shop, "/release", {"version": "v1.1.0"})

    again = Shop(0, tmp_path / "version")
    again.server_close()

    assert again.version == "v1.1.0"


@pytest.mark.parametrize("body", [{"version": "v9"}, {"version": ["v1.0.0"]}, {}, [], "v1.0.0"])
def test_it_refuses_to_run_what_it_does_not_know(shop, body):
    status, answer = ask(shop, "/release", body)

    assert status == 400
    assert "v1.0.0, v1.1.0" in answer["error"]
