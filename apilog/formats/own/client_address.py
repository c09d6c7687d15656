"""Which of several addresses is the client's, told by the user or by the first lines of a log.

Behind proxies, the address of the connection is a proxy's, and what the client had is in a header
that the proxies add: https://nginx.org/en/docs/http/ngx_http_realip_module.html. Clients can write
anything into such a header themselves, so that it is taken only where the lines show a proxy. Of a
list of addresses the leftmost is taken, which is the client as clients claim.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.formats.key_paths import normalise_name
from apilog.text import nearest_names
from apilog.values.addresses import are_inner_addresses, first_addresses

FORWARDED: Mapping[str, tuple[str, ...]] = {
    # https://developers.cloudflare.com/fundamentals/reference/http-headers/
    "cf-connecting-ip": ("cfconnectingip",),
    "true-client-ip": ("trueclientip",),
    "fastly-client-ip": ("fastlyclientip",),
    # https://docs.nginx.com/nginx/admin-guide/load-balancer/using-proxy-protocol/
    "proxy-protocol": ("proxyprotocoladdr",),
    "x-real-ip": ("xrealip", "realip"),
    "x-client-ip": ("xclientip",),
    "x-forwarded-for": ("xforwardedfor", "forwardedfor", "proxyaddxforwardedfor", "xff"),
    "forwarded": ("forwarded",),
}
"""What proxies say of the client, and the names it goes by, without `http_`; the best first."""

CONNECTION = "remote-addr"
"""The address at the other end of the connection."""
_CONNECTION_NAMES = (
    "remoteaddr",
    "remoteaddrport",
    "remoteip",
    "remoteaddress",
    "remotehost",
    "realipremoteaddr",
    "sourceip",
    "clientip",
    "clientaddr",
    "client",
    "peeraddr",
    "ip",
)

_FEW = 3
"""A proxy serves many clients: as many times fewer addresses are those of proxies."""
_MANY = 4
_MOST_INNER = 0.9


@dataclass(frozen=True, slots=True)
class AddressChoice:
    """The fields that `client_ip` is read from, the first that has a value for each line."""

    keys: tuple[str, ...]
    """Empty: as they would be read without a choice."""
    doubt: str | None = None


def find_forwarded(keys: Collection[str]) -> list[str]:
    """Return the fields in which proxies say who the client is, the best first."""
    by_name = {_bare_name(key): key for key in reversed([*keys])}
    names = (name for names in FORWARDED.values() for name in names)
    return [by_name[name] for name in names if name in by_name]


def find_named(client_ip: str, keys: Collection[str]) -> tuple[str, ...]:
    """Return the fields that `--client-ip` means, the best first; none if the log has none.

    It is one of the names above, the name of a header, or a key.
    """
    if client_ip in keys:
        return (client_ip,)
    wanted = client_ip.lower()
    names = FORWARDED.get(wanted) or (
        _CONNECTION_NAMES if wanted == CONNECTION else (_bare_name(client_ip),)
    )
    found = [key for name in names for key in keys if _bare_name(key) == name]
    # Objects may stand around it that have nothing to do with headers.
    found += [key for name in names for key in keys if _bare_name(key.rpartition(".")[2]) == name]
    return tuple(dict.fromkeys(found))


def choose_client(
    client_ip: str | None,
    keys: Collection[str],
    peers: Sequence[str],
    read: Callable[[Sequence[str]], Mapping[str, pl.Series]],
) -> AddressChoice | None:
    """Return what `client_ip` is read from; None: as where there is nothing to choose from.

    `peers` are the fields that may be the connection's address, the best first; `read` gives the
    first values (String) of fields.
    """
    peer = peers[0] if peers else None
    if client_ip is not None:
        named = find_named(client_ip, keys)
        if client_ip.lower() == CONNECTION and peers:
            named = tuple(peers)
        if not named:
            return AddressChoice((), missing_address(client_ip, keys))
        # A request that no proxy has passed on has the connection's address alone.
        rest = (peer,) if peer and named[0] not in peers else ()
        return AddressChoice((*named, *rest))
    forwarded = [key for key in find_forwarded(keys) if key != peer]
    if not forwarded or (peer is None and len(forwarded) == 1):
        return None
    return _choose_by_values(peer, forwarded, read([*forwarded, peer] if peer else forwarded))


def missing_address(client_ip: str, keys: Collection[str]) -> str:
    """Say that no line has the address that the user named."""
    near = nearest_names(client_ip, keys, at_most=1)
    has = f"did you mean {near[0]!r}?" if near else f"the lines have {', '.join(sorted(keys)[:12])}"
    return f"no line looked at has an address by the name of `--client-ip {client_ip}`; {has}"


def _choose_by_values(
    peer: str | None, forwarded: Sequence[str], values: Mapping[str, pl.Series]
) -> AddressChoice:
    """Return which address is the client's, of `forwarded` the first that is mostly given."""
    if peer is None:
        return AddressChoice(tuple(forwarded))
    first = {key: _addresses(values[key]) for key in (peer, *forwarded)}
    often = max((len(s) - s.null_count() for key, s in first.items() if key != peer), default=0)
    if not often:
        return AddressChoice((peer, *forwarded))
    proxied = next(k for k in forwarded if 2 * (len(first[k]) - first[k].null_count()) >= often)
    pairs = pl.DataFrame({"peer": first[peer], "told": first[proxied]}).drop_nulls()
    differing = pairs.filter(pl.col("peer") != pl.col("told"))
    if 10 * differing.height < len(first[peer]) - first[peer].null_count():
        # What few lines have may be forged; where the other is missing, it is all there is.
        return AddressChoice((peer, *forwarded))
    peers, told = differing["peer"], differing["told"]
    inner = float(are_inner_addresses(peers).mean() or 0.0)  # type: ignore[arg-type]
    is_behind_few = told.n_unique() >= max(_MANY, _FEW * peers.n_unique())
    if inner >= _MOST_INNER:
        why = f"`{peer}` has inner addresses alone"
        return AddressChoice((proxied, peer), _doubt(proxied, peer, why, peer))
    if is_behind_few:
        count = "one address" if peers.n_unique() == 1 else f"{peers.n_unique()} addresses"
        why = f"`{peer}` has {count} for {told.n_unique()} of `{proxied}`"
        return AddressChoice((proxied, peer), _doubt(proxied, peer, why, peer))
    why = f"`{proxied}` may be what clients claim"
    return AddressChoice((peer, proxied), _doubt(peer, proxied, why, peer))


def _doubt(taken: str, other: str, why: str, peer: str) -> str:
    of_taken, of_other = (CONNECTION if k == peer else _option_name(k) for k in (taken, other))
    return (
        f"`{taken}` is taken for the client's address, as {why}; it may be `{other}`: "
        f"`--client-ip {of_other}` says so, `--client-ip {of_taken}` confirms it"
    )


def _option_name(key: str) -> str:
    bare = _bare_name(key)
    known = (name for name, names in FORWARDED.items() if bare in names)
    return next(known, key)


def _bare_name(key: str) -> str:
    """Return the name of a variable, key or header without what tells that it is a header."""
    *above, name = key.split(".")
    if above and normalise_name(above[-1]).endswith("headers"):
        return normalise_name(name)
    return normalise_name(key).removeprefix("http")


def _addresses(values: pl.Series) -> pl.Series:
    addresses = first_addresses(values.cast(pl.String))
    return addresses.set(~addresses.str.contains(r"[.:]").fill_null(value=False), None)
