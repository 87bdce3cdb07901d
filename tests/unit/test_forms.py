"""A form: the text around its holes stays as it is, and only holes of our own are filled."""

import pytest

from server.domain.forms import Form, hole


def test_each_hole_gets_its_value_wherever_and_however_often_it_stands():
    form = Form(f"{hole('a')}, {hole('b')}{hole('a')}.".encode())
    assert form.filled({"a": b"1", "b": b"two", "c": b"unused"}) == b"1, two1."
    assert Form(hole("a").encode()).filled({"a": b"alone"}) == b"alone"


def test_signs_that_formatting_knows_mean_nothing_in_texts_and_values():
    text = "100 % %s %(a)s %%b {a} \\1"
    assert Form(f"{text}{hole('a')}{text}".encode()).filled({"a": b"%b%%"}) == f"{text}%b%%{text}".encode()


def test_a_strangers_text_is_no_hole():
    looks_alike = f"{'0' * 32}:a;"
    assert Form(f"{looks_alike}{hole('a')}".encode()).filled({"a": b"1"}) == f"{looks_alike}1".encode()


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        Form(hole("a").encode()).filled({"b": b"1"})
