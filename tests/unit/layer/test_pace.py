from fanfold_core.aws.sagemaker import ConcurrencyLimit


def paced(pace: ConcurrencyLimit, successes: int) -> ConcurrencyLimit:
    for _ in range(successes):
        pace = pace.after_success()
    return pace


def test_the_pace_doubles_per_round_trip_until_it_is_first_too_much() -> None:
    assert paced(ConcurrencyLimit(limit=8), 8).limit == 16


def test_the_pace_then_grows_by_one_per_round_trip() -> None:
    pace = ConcurrencyLimit(limit=16).after_refusal(number=0, started=16)
    assert 8.9 < paced(pace, 8).limit < 9


def test_requests_refused_together_halve_the_pace_once() -> None:
    pace = ConcurrencyLimit(limit=16)
    for number in range(16):
        pace = pace.after_refusal(number, started=16)
    assert pace.limit == 8
    assert pace.after_refusal(number=16, started=20).limit == 4


def test_one_request_is_always_under_way() -> None:
    pace = ConcurrencyLimit(limit=2)
    for number in range(10):
        pace = pace.after_refusal(number, started=number + 1)
    assert pace.limit == 1


def test_the_pace_has_a_limit_of_its_own() -> None:
    assert paced(ConcurrencyLimit(), 1000).limit == 256


def test_replies_that_wait_for_us_take_the_pace_back_to_where_it_began() -> None:
    pace = paced(ConcurrencyLimit(), 1000).after_rush()
    assert pace.limit == 128
    for _ in range(5):
        pace = pace.after_rush()
    assert pace == ConcurrencyLimit()


def test_replies_that_wait_for_us_do_not_raise_a_pace_that_was_refused() -> None:
    refused = ConcurrencyLimit(limit=8).after_refusal(number=0, started=8)
    assert refused.after_rush() == refused
