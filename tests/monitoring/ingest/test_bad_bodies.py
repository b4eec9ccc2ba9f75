"""Bodies that are meant to hurt, and texts and numbers that databases choke on: always a clear refusal, never a 500."""

import gzip
import json
import struct
import zlib

import cramjam
import pytest
from redis.connection import AbstractConnection

from monitoring.models import Refusal, Series
from tests.api_client import ApiClient
from tests.at_once import at_once
from tests.factories import ApiTokenFactory, EnvironmentFactory
from tests.monitoring.ingest.roads import JSON, NOW_MS, PROTOBUF, ROADS, TEXT, otlp, send, written
from tests.monitoring.ingest.stored import keys, samples_of, values_of

pytestmark = pytest.mark.django_db

GOOD = {
    "metrics": b'{"environment": "production", "samples": [{"metric": "orders", "value": 12}]}',
    "push": b"orders 12\n",
    "remote_write": written(({"__name__": "orders"}, [(NOW_MS, 12.0)])),
    "otlp": b"\x0a\x00",  # one resource without anything
    "otlp_json": b"{}",
}
SUCCESS = {"metrics": 202, "push": 200, "remote_write": 204, "otlp": 200, "otlp_json": 200}


# --- whoever asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("road", ROADS)
def test_a_good_body_is_taken_without_a_word_to_the_broker(api, road, monkeypatch):
    asked = []

    def refuse(self):
        asked.append(1)
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(AbstractConnection, "connect", refuse)
    assert send(api, road, GOOD[road]).status_code == SUCCESS[road]
    assert asked == []


@pytest.mark.parametrize("road", ROADS)
def test_nobody_is_answered_before_anything_of_the_body_is_read(api, road):
    bomb = gzip.compress(b"0" * 50_000_000)
    for authorization in ("", "Bearer pd_unknown", "Basic !", "Bearer"):
        response = send(api, road, bomb, **{"Authorization": authorization, "Content-Encoding": "gzip"})
        assert response.status_code == 401, authorization
        assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("road", ROADS)
def test_a_revoked_token_is_refused_with_the_next_request(api, road):
    assert send(api, road, GOOD[road]).status_code == SUCCESS[road]
    api.token.revoked_at = api.token.created_at
    api.token.save()
    assert send(api, road, GOOD[road]).status_code == 401


@pytest.mark.parametrize("road", ROADS)
def test_another_method_is_refused_with_those_that_are_possible(api, road):
    response = api.get(ROADS[road][1])
    assert response.status_code == 405
    assert ROADS[road][0] in response["Allow"]


@pytest.mark.parametrize("road", ROADS)
def test_a_refusal_is_written_as_the_sender_reads_it(api, road):
    response = send(api, road, b"\xff\xff\xff")
    assert response.status_code == 400
    wanted = {"otlp": PROTOBUF, "otlp_json": JSON, "remote_write": TEXT}.get(road, "application/problem+json")
    assert response["Content-Type"].partition(";")[0] == wanted
    assert response["X-Request-ID"]
    assert Refusal.objects.get().reason in ("BAD_BODY", "BAD_VALUE")


# --- too much ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("road", ROADS)
def test_a_body_above_the_limit_is_refused_by_its_length_alone(api, road):
    verb, path, content_type = ROADS[road]
    response = api.generic(verb, path, b"x", content_type=content_type, CONTENT_LENGTH=str(26 * 1024 * 1024),
                           headers={"Content-Encoding": "snappy"} if road == "remote_write" else {})  # fmt: skip
    assert response.status_code == 413
    assert Refusal.objects.get().reason == "TOO_LARGE"


@pytest.mark.parametrize("road", ["metrics", "push", "otlp", "otlp_json"])
@pytest.mark.parametrize("members", [1, 3])
def test_what_inflates_above_the_limit_is_refused_while_it_inflates(api, road, members):
    bomb = gzip.compress(b" " * (50_000_000 // members)) * members
    assert send(api, road, bomb, **{"Content-Encoding": "gzip"}).status_code == 413


def test_a_snappy_block_that_claims_four_gigabytes_is_refused_by_its_claim(api):
    assert send(api, "remote_write", bytes.fromhex("ffffffff0f0061")).status_code == 413


@pytest.mark.parametrize("road", ["metrics", "push", "otlp", "otlp_json"])
@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate", "br", "zstd", "snappy"])
def test_another_coding_is_refused_by_name(api, road, coding):
    response = send(api, road, zlib.compress(GOOD[road]), **{"Content-Encoding": coding})
    assert response.status_code == 415


@pytest.mark.parametrize("road", ["metrics", "push", "otlp_json"])
def test_several_members_of_gzip_are_all_read(api, road):
    body = GOOD[road]
    half = len(body) // 2
    members = gzip.compress(body[:half]) + gzip.compress(body[half:])
    assert send(api, road, members, **{"Content-Encoding": "gzip"}).status_code == SUCCESS[road]


@pytest.mark.parametrize("road", ["metrics", "otlp_json"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"samples":' * 50_000,
        b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}",
        b'{"environment": "' + b"x" * 1_000_000 + b'", "samples": []}',
    ],
    ids=["deep", "deep objects", "a hundred thousand keys", "a long text"],
)
def test_json_that_is_made_to_hurt_is_refused(api, road, body):
    assert send(api, road, body).status_code in ((400,) if road == "metrics" else (200, 400))
    assert Series.objects.count() == 0


def test_ten_thousand_labels_are_refused_on_every_road(api):
    labels = {f"l{n}": "x" for n in range(10_000)}
    rows = json.dumps({"environment": "production", "samples": [{"metric": "a", "value": 1, "labels": labels}]})
    assert send(api, "metrics", rows).status_code == 400
    inside = ",".join(f'{key}="x"' for key in list(labels)[:500])
    assert send(api, "push", f"a{{{inside}}} 1\n").status_code == 400
    response = send(api, "remote_write", written(({"__name__": "a", **labels}, [(NOW_MS, 1.0)])))
    assert response.status_code == 400
    assert "a series may have 30" in response.content.decode()
    attributes = [{"key": key, "value": {"stringValue": "x"}} for key in labels]
    response = send(api, "otlp_json", otlp([{"asDouble": 1, "attributes": attributes}]))
    assert response.json()["partialSuccess"]["rejectedDataPoints"] == "1"


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [b"a\\u0000b", b"\\ud800", b"\xed\xa0\x80", b"\xff"],
    ids=["NUL", "half a surrogate", "half a surrogate in UTF-8", "no UTF-8"],
)
@pytest.mark.parametrize("place", ["metric", "label", "label name", "environment"])
def test_texts_that_cannot_be_kept_are_refused(api, text, place):
    texts = {"metric": b"a", "label": b"x", "label name": b"k", "environment": b"production"} | {place: text}
    body = b'{"environment": "%(environment)s", "series": [{"metric": "%(metric)s", "labels": {"%(label name)s": '
    body = (body + b'"%(label)s"}}], "of": [0], "value": [1]}') % {k.encode(): v for k, v in texts.items()}
    assert send(api, "metrics", body).status_code == 400
    assert Series.objects.count() == 0


def test_a_byte_order_mark_is_refused_with_its_name(api):
    response = send(api, "metrics", b"\xef\xbb\xbf" + GOOD["metrics"])
    assert (response.status_code, response.json()["code"]) == (400, "byte_order_mark")


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "\u202eevil", "Ünïcödé", "<script>", "%s %(x)s {}"])
def test_other_texts_are_kept_as_they_are(api, text):
    series = [{"metric": f"a {text}", "labels": {text: text}}]
    body = json.dumps({"environment": "production", "series": series, "of": [0], "value": [1.0]})
    assert send(api, "metrics", body).status_code == 202
    assert keys() == {f"a {text}"}
    assert Series.objects.get().labels == {text: text}


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"1"', "null", "true", "[1]", "{}"])
@pytest.mark.parametrize("shape", ["rows", "columns", "dictionary"])
def test_what_is_no_number_in_json_is_refused_at_its_place(api, number, shape):
    bodies = {
        "rows": '{"environment": "e", "samples": [{"metric": "a", "value": 1}, {"metric": "a", "value": %s}]}',
        "columns": '{"environment": "e", "metric": ["a", "a"], "value": [1, %s]}',
        "dictionary": '{"environment": "e", "series": [{"metric": "a"}], "of": [0, 0], "value": [1, %s]}',
    }
    response = send(api, "metrics", bodies[shape] % number)
    assert response.status_code == 400
    wanted = "/samples/1/value" if shape == "rows" else "/value/1"
    assert response.json()["errors"][0]["pointer"] == wanted
    assert Series.objects.count() == 0


def test_extreme_numbers_survive(api):
    values = [-0.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2**53 + 0.0, 0.1]
    at = [NOW_MS + n for n in range(len(values))]
    body = {
        "environment": "production",
        "series": [{"metric": "a"}],
        "of": [0] * len(values),
        "at": at,
        "value": values,
    }
    assert send(api, "metrics", json.dumps(body)).status_code == 202
    stored = values_of("a")
    assert [struct.pack("<d", value) for value in stored] == [struct.pack("<d", value) for value in values]


def test_remote_write_knows_the_end_of_a_series_from_no_value_and_from_infinity(api):
    (stale,) = struct.unpack("<d", bytes.fromhex("020000000000f07f"))
    samples = [(NOW_MS, 1.0), (NOW_MS + 1, stale), (NOW_MS + 2, float("nan")), (NOW_MS + 3, float("-inf"))]
    assert send(api, "remote_write", written(({"__name__": "a"}, samples))).status_code == 204
    assert samples_of("a") == [(NOW_MS, 1.0)]
    refusal = Refusal.objects.get()
    assert (refusal.reason, refusal.count, refusal.example) == ("NOT_FINITE", 1, "a")


def test_otlp_points_without_a_value_add_nothing_and_infinite_ones_are_counted(api):
    points = [
        {"asDouble": 1.5, "timeUnixNano": str(NOW_MS * 10**6)},
        {"asDouble": "NaN", "timeUnixNano": str((NOW_MS + 1) * 10**6)},
        {"asDouble": 7.0, "flags": 1, "timeUnixNano": str((NOW_MS + 2) * 10**6)},
        {"asDouble": "Infinity", "timeUnixNano": str((NOW_MS + 3) * 10**6)},
    ]
    response = send(api, "otlp_json", otlp(points))
    assert response.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert samples_of("temperature") == [(NOW_MS, 1.5)]


def test_a_counter_that_begins_again_is_stored_as_it_comes(api):
    samples = [(NOW_MS + n, value) for n, value in enumerate([5.0, 9.0, 0.0, 3.0])]
    assert send(api, "remote_write", written(({"__name__": "jobs_total"}, samples))).status_code == 204
    assert values_of("jobs_total") == [5.0, 9.0, 0.0, 3.0]


@pytest.mark.parametrize("at", [2**63 - 1, -(2**63), 0, 4_102_444_800_000])
def test_times_that_cannot_be_are_refused_and_the_rest_is_stored(api, at):
    body = written(({"__name__": "a"}, [(NOW_MS, 1.0), (at, 2.0)]))
    response = send(api, "remote_write", body)
    assert response.status_code == 400
    assert response.content.decode().startswith("1 samples were stored, 1 were not")
    assert values_of("a") == [1.0]


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_the_same_key_stores_once_and_is_answered_alike(api):
    body = b'{"environment": "production", "samples": [{"metric": "orders", "value": 12}]}'
    first, again = (send(api, "metrics", body, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content) == (202, b'{"accepted":1}')
    assert again["Idempotency-Replayed"] == "true"
    assert again["Content-Type"] == "application/json"
    assert len(values_of("orders")) == 1  # without a time, so a second one would be another sample


def test_the_same_key_with_another_body_is_refused_and_another_tokens_key_is_its_own(api):
    body = GOOD["metrics"]
    assert send(api, "metrics", body, **{"Idempotency-Key": "k"}).status_code == 202
    assert send(api, "metrics", body + b" ", **{"Idempotency-Key": "k"}).status_code == 422
    other = ApiClient(ApiTokenFactory(project=api.token.project))
    assert send(other, "metrics", body + b" ", **{"Idempotency-Key": "k"}).status_code == 202


def test_a_refused_request_may_be_mended_under_its_key(api):
    assert send(api, "metrics", b'{"environment": "e"}', **{"Idempotency-Key": "k"}).status_code == 400
    assert send(api, "metrics", GOOD["metrics"], **{"Idempotency-Key": "k"}).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_with_one_key_store_once():
    token = ApiTokenFactory(project=EnvironmentFactory(name="production").project)
    body = GOOD["metrics"]
    answers = at_once(lambda: send(ApiClient(token), "metrics", body, **{"Idempotency-Key": "k"}).status_code, times=8)
    assert set(answers) <= {202, 409}
    assert 202 in answers
    assert len(values_of("orders")) == 1


# --- the letter of the standards --------------------------------------------------------------------------------------


def test_remote_write_two_is_answered_415_so_that_the_sender_falls_back(api):
    path = ROADS["remote_write"][1]
    for content_type in ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "application/json"):
        response = api.generic("POST", path, GOOD["remote_write"], content_type=content_type,
                               headers={"Content-Encoding": "snappy"})  # fmt: skip
        assert response.status_code == 415
    named = f"{PROTOBUF};proto=prometheus.WriteRequest"
    headers = {"Content-Encoding": "snappy"}
    assert api.generic("POST", path, GOOD["remote_write"], content_type=named, headers=headers).status_code == 204


def test_a_remote_write_of_metadata_alone_is_fine(api):
    metadata = bytes.fromhex("1a0d0801120361626322046865 6c70".replace(" ", ""))
    assert send(api, "remote_write", bytes(cramjam.snappy.compress_raw(metadata))).status_code == 204


def test_the_published_vector_of_remote_write_is_read(api):
    body = bytes.fromhex(
        "35d00a330a130a085f5f6e616d655f5f120764656d6f5f75700a0a0a036a6f621203776562121009000000000000f03f1080d095ffbc31"
    )
    response = send(api, "remote_write", body)  # of 2023: too old by now
    assert response.status_code == 400
    assert "demo_up" in response.content.decode()


def test_otlp_answers_in_the_type_of_the_request(api):
    assert send(api, "otlp_json", b"{}").content == b"{}"
    assert send(api, "otlp", GOOD["otlp"]).content == b""
    assert send(api, "otlp", GOOD["otlp"])["Content-Type"] == PROTOBUF
    refused = send(api, "otlp", b"\xff\xff")
    assert refused.content[:1] == b"\x12"  # field 2 of google.rpc.Status
    assert b"ExportMetricsServiceRequest" in refused.content
    response = api.post(ROADS["otlp"][1], b"x", content_type="text/plain")
    assert (response.status_code, "message" in response.json()) == (415, True)


@pytest.mark.parametrize(
    "grouping",
    ["instance/a", "job", "job/", "job/a/b", "job/a/9b/c", "job@base64/!!!", "job@base64/_w=="],
)
def test_an_address_that_names_no_group_is_refused(api, grouping):
    path = f"/api/v1/push/production/metrics/{grouping}"
    assert api.put(path, b"a 1\n", content_type=TEXT).status_code in (400, 404)
    assert Series.objects.count() == 0


@pytest.mark.parametrize("road", ROADS)
def test_what_an_address_asks_and_nobody_knows_is_refused_by_name(api, road):
    method, path, content_type = ROADS[road]
    coding = {"Content-Encoding": "snappy"} if road == "remote_write" else {}
    path = f"{path.partition('?')[0]}?enviroment=e"
    response = api.generic(method, path, GOOD[road], content_type=content_type, headers=coding)
    assert response.status_code == 400
    assert b"enviroment: There is no such parameter here. Known: environment." in response.content
    assert Series.objects.count() == 0


@pytest.mark.parametrize("address", ["push/metrics", "push/production/metrics"])
def test_a_line_break_in_an_address_is_a_character_as_any_other(api, address):
    assert api.delete(f"/api/v1/{address}/no%0Apairs").status_code == 400
    assert api.delete(f"/api/v1/{address}/job/a%0Ab").status_code == 202
    assert api.put(f"/api/v1/{address}/job/a%0Ab?environment=e", b"a 1\n", content_type=TEXT).status_code == 200
    assert Series.objects.get().labels == {"job": "a\ufffdb"}


def test_a_push_with_a_bad_line_says_which_and_stores_nothing(api):
    response = send(api, "push", b"a 1\nb{c=} 2\n")
    assert response.status_code == 400
    assert response.json()["detail"].startswith("Line 2:")
    assert Series.objects.count() == 0
