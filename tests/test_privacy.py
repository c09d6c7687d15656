"""Truncated addresses and hashed consumers, against Python's ipaddress and hmac."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.privacy import Privacy, hash_consumers, read_key, truncate_addresses

KEY = b"a long secret"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def truncated(text: str) -> str | None:
    """What becomes of one address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 4:
        return str(ipaddress.ip_network(f"{address}/24", strict=False).network_address)
    if address.ipv4_mapped:
        return f"::ffff:{truncated(str(address.ipv4_mapped))}"
    if address.sixtofour:
        bits = int.from_bytes(address.packed[:5]) << 88
        return str(ipaddress.IPv6Address(bits))
    bare = text.partition("%")[0]
    return str(ipaddress.ip_network(f"{bare}/48", strict=False).network_address)


def hashed(text: str) -> str:
    return "hmac:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()[:32]


def addresses() -> st.SearchStrategy[str | None]:
    mapped = st.ip_addresses(v=4).map(lambda v4: f"::ffff:{v4}")
    to_four = st.ip_addresses(network="2002::/16").map(str)
    zoned = st.ip_addresses(network="fe80::/16").map(lambda v6: f"{v6}%eth0")
    odd = ["-", "unix:", "999.1.1.1", "1.2.3", "01.2.3.4", "::g", "1.2.3.4\n"]
    return st.one_of(
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).map(str),
        *(mapped, to_four, zoned, st.sampled_from(odd), TEXTS, st.none()),
    )


@given(st.lists(addresses(), max_size=20))
def test_addresses_are_truncated_as_networks_are(texts: list[str | None]) -> None:
    found = truncate_addresses(pl.Series(texts, dtype=pl.String)).to_list()
    assert found == [None if text is None else truncated(text) for text in texts]
    assert truncate_addresses(pl.Series(found, dtype=pl.String)).to_list() == found


@given(st.lists(st.none() | TEXTS, max_size=20))
def test_consumers_are_hashed_with_the_key_and_only_once(texts: list[str | None]) -> None:
    found = hash_consumers(pl.Series(texts, dtype=pl.String), KEY)
    assert found.to_list() == [None if text is None else hashed(text) for text in texts]
    assert hash_consumers(found, KEY).to_list() == found.to_list()


def test_a_text_that_only_looks_hashed_is_hashed() -> None:
    odd = ["hmac:", "hmac:xyz", "hmac:" + "0" * 31, "hmac:" + "0" * 33, "hmac:" + "0" * 32 + "\n"]
    assert hash_consumers(pl.Series(odd), KEY).to_list() == [*map(hashed, odd)]


def test_encoded_texts_come_back_as_texts() -> None:
    encoded = pl.Series(["acme", None, "acme"], dtype=pl.Categorical(pl.Categories.random()))
    found = hash_consumers(encoded, KEY)
    assert found.dtype == pl.String
    assert found.to_list() == [hashed("acme"), None, hashed("acme")]


def test_frames_change_in_the_two_columns_alone_read_or_not() -> None:
    frame = pl.DataFrame({"client_ip": ["192.0.2.9"], "consumer": ["acme"], "status": [200]})
    privacy = Privacy(anonymize_ip=True, key=KEY)
    expected = [{"client_ip": "192.0.2.0", "consumer": hashed("acme"), "status": 200}]
    assert privacy.apply(frame).to_dicts() == expected
    assert privacy.apply_lazily(frame.lazy()).collect().to_dicts() == expected
    assert privacy.apply(frame.select("status")).to_dicts() == [{"status": 200}]
    assert Privacy().apply(frame).equals(frame)
    assert (bool(privacy), bool(Privacy())) == (True, False)


def test_a_key_comes_from_a_variable_a_file_or_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(b"s3cret\xff\r\n")
    monkeypatch.setenv("THE_KEY", "from outside ü")
    assert read_key(f"@{tmp_path / 'key'}") == b"s3cret\xff"
    assert read_key("env:THE_KEY") == "from outside ü".encode()
    assert read_key("ü") == "ü".encode()


@pytest.mark.parametrize("text", ["", "env:NOT_THERE", "env:EMPTY", "@not/there", "@empty", "@."])
def test_a_key_that_is_missing_or_empty_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(UsageError) as caught:
        read_key(text)
    assert "--hash-consumers" in str(caught.value)
    assert "env:NAME" in caught.value.hint
