"""Pure decisions of a home without an organisation (promise 3, S25)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.governance.documents import Allowed, SignDocuments, judge_set
from agent.governance.refusal import Refusal

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone


@given(MOMENTS, MOMENTS, MOMENTS, st.booleans(), st.booleans())
def test_only_a_signing_certificate_within_its_term_signs(start: datetime, end: datetime, at: datetime, may_sign: bool, ca: bool) -> None:
    said = judge_set(SignDocuments("李工", start, end, may_sign, ca, 1), at)
    assert isinstance(said, Allowed) == (start <= at <= end and may_sign and not ca)


def test_a_refusal_names_rule_and_reason() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    said = judge_set(SignDocuments("李工", now - timedelta(days=9), now - timedelta(days=1), True, False, 3), now)
    assert said == Refusal("S25", "certificate_expired", (("certificate", "李工"), ("not_after", "2026-11-21")))
