"""What is asked again, how often, and what is not."""
import pytest

from session import words

ONCE = ["unavailable-once", "busy-once", "reset-once"]


@pytest.mark.parametrize("fault", ONCE)
def test_passing_failure_is_overcome_by_one_retry(session, bank, key, fault):
    session.use(f"/fault/{fault}/{key}", retries=1)
    assert session.fetch() == 3
    assert len(bank.recorded()) == 2
    assert session.stored() == (3, 1)


@pytest.mark.parametrize("fault", ONCE)
def test_without_retries_a_passing_failure_is_an_error(session, bank, key, fault):
    session.use(f"/fault/{fault}/{key}", retries=0)
    session.fetch_error()
    assert len(bank.recorded()) == 1
    assert session.stored() == (0, 0)


@pytest.mark.parametrize("fault", ["status-503", "status-500", "status-429", "closed", "cut"])
def test_lasting_failure_is_an_error_after_all_retries(session, bank, fault):
    session.use(f"/fault/{fault}", retries=2)
    assert "attempt 3" in words(session.fetch_error())
    assert len(bank.recorded()) == 3
    assert session.stored() == (0, 0)


def test_timeout_is_repeated(session, bank):
    session.use("/fault/hang", retries=1, timeout="200ms")
    assert session.fetch_error().pgcode == "08001"
    assert len(bank.recorded()) == 2


@pytest.mark.parametrize("fault", ["status-404", "status-403", "status-400", "redirect", "html", "html-403", "empty",
                                   "wrong-root", "bad-number", "error-in-parameters", "stale"])
def test_answer_that_will_not_change_is_not_asked_for_again(session, bank, fault):
    session.use(f"/fault/{fault}", retries=5)
    session.fetch_error()
    assert len(bank.recorded()) == 1


def test_too_large_an_answer_is_not_asked_for_again(session, bank):
    session.use("/fault/endless", retries=5, max_response_size="1MB")
    assert session.fetch_error().pgcode == "54000"
    assert len(bank.recorded()) == 1


def test_retry_after_beyond_the_timeout_is_not_waited_for(session, bank):
    session.use("/fault/retry-after-long", retries=5, timeout="30min")
    assert session.fetch_error().pgcode == "08P01"
    assert len(bank.recorded()) == 1
