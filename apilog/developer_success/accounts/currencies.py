"""The signs, codes and words of currencies that stand beside amounts.

Codes are those of ISO 4217, https://www.six-group.com/en/products-services/financial-information/data-standards.html,
signs and words those of CLDR, https://cldr.unicode.org/.
"""

from __future__ import annotations

from collections.abc import Mapping

_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR "
    "KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR "
    "SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS "
    "UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
_WORDS = {
    "AUD": "a$ au$",
    "BRL": "r$",
    "CAD": "c$ ca$ cad$",
    "CHF": "fr sfr",
    "CNY": "cn¥ 元 圆 rmb",
    "CZK": "kč",
    "EUR": "€ euro euros",
    "GHS": "gh₵ ₵",
    "HKD": "hk$",
    "HUF": "ft",
    "IDR": "rp",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "円 jp¥",
    "KRW": "₩ 원",
    "KZT": "₸",
    "MXN": "mx$",
    "MYR": "rm",
    "NGN": "₦",
    "NZD": "nz$",
    "PHP": "₱",
    "PLN": "zł zl",
    "RON": "lei",
    "RUB": "₽ руб р",
    "SGD": "s$",
    "THB": "฿",
    "TRY": "₺ tl",
    "TWD": "nt$",
    "UAH": "₴ грн",
    "USD": "us$ usd$",
    "VND": "₫ đ",
    "BGN": "лв",
}
COMMON_SIGNS: Mapping[str, str] = {
    "$": "USD",
    "¥": "JPY",
    "£": "GBP",
    "kr": "kr",
    "rs": "INR",
}
"""Signs that several currencies have, and what each means where nothing says more."""

CURRENCIES: Mapping[str, str] = {
    **{code.lower(): code for code in _CODES.split()},
    **{word: code for code, words in _WORDS.items() for word in words.split()},
    **{sign: sign for sign in COMMON_SIGNS},
    "￥": "¥",
    "￡": "£",
}
"""Codes of ISO 4217 and common signs by what is written, in lower case without blanks or points."""

THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
"""Currencies of a thousand parts: 1.188 of them may well be what it looks like."""
