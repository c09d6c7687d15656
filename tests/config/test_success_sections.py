"""The sections that `apilog success` goes by."""

from __future__ import annotations

from pathlib import Path

import pytest

from apilog.config import AccountsConfig, Config, load_config
from apilog.errors import UsageError
from apilog.options import PlanTerms


def loaded(folder: Path, text: str) -> Config:
    path = folder / "apilog.toml"
    path.write_text(text)
    return load_config(path)


def test_all_sections(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [accounts]
        source = "data/accounts.csv"
        query = "SELECT 1"
        [accounts.columns]
        account = "Customer ID"
        plan = "Tier"
        [plans.pro]
        quota = 100_000
        price = 99
        [plans."pay as you go"]
        price = 0.5
        [goals]
        conversion_rate = "25%"
        clv = 500
        """,
    )
    assert config.accounts == AccountsConfig(
        source=str(tmp_path / "data" / "accounts.csv"),
        query="SELECT 1",
        columns={"account": "Customer ID", "plan": "Tier"},
    )
    assert config.plans == {
        "pro": PlanTerms(quota=100_000, price=99.0),
        "pay as you go": PlanTerms(price=0.5),
    }
    assert config.goals == {"conversion_rate": "25%", "clv": 500.0}


def test_nothing_is_asked_for_without_them(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert (config.accounts, config.plans, config.goals) == (AccountsConfig(), {}, {})


def test_a_url_is_no_file(tmp_path: Path) -> None:
    url = "postgresql://reader@db/app"
    assert loaded(tmp_path, f'[accounts]\nsource = "{url}"\n').accounts.source == url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[accounts]\nfile = 'x'\n", "accounts.file is no setting"),
        ("[accounts.columns]\nacount = 'x'\n", "accounts.columns.acount is no column of accounts"),
        ("[accounts.columns]\naccount = 7\n", "accounts.columns.account is not a text"),
        ("[plans.pro]\nquota = 0\n", "plans.pro.quota is not a whole number"),
        ("[plans.pro]\nprice = 'free'\n", "plans.pro.price is not a number"),
        ("[plans.pro]\nlimit = 5\n", "plans.pro.limit is no setting"),
        ("[plans]\npro = 5\n", "plans.pro is not a table"),
        ("[goals]\nclv = true\n", "goals.clv is not a text"),
    ],
)
def test_what_can_not_be_understood(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert told in str(caught.value)
