"""Check digits: what makes a row of digits a card's or an identity's number and not any other."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def card(digits: str) -> bool:
    """A payment card's number: length and first digit of an issuer, Luhn, and not a round amount."""
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and not digits.endswith("00000") and luhn(digits)


def iban(text: str) -> bool:
    """ISO 13616: the remainder by 97 is 1."""
    moved = text[4:] + text[:4]
    return moved.isalnum() and int("".join(str(int(one, 36)) for one in moved)) % 97 == 1


def weighted(digits: str, weights: tuple[int, ...], modulus: int) -> int:
    """The weighted sum of the first digits, by a modulus."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % modulus


def cpf(digits: str) -> bool:
    """Brazil's number of persons: two check digits."""
    first = weighted(digits, tuple(range(10, 1, -1)), 11)
    second = weighted(digits, tuple(range(11, 1, -1)), 11)
    return len(set(digits)) > 1 and [(11 - one) % 11 % 10 for one in (first, second)] == [
        int(one) for one in digits[9:]
    ]


def pesel(digits: str) -> bool:
    """Poland's number of persons."""
    return (10 - weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10)) % 10 == int(digits[10])


def resident(text: str) -> bool:
    """China's number of residents (GB 11643)."""
    return "10X98765432"[weighted(text, tuple(pow(2, 17 - i, 11) for i in range(17)), 11)] == text[17].upper()


def dni(text: str) -> bool:
    """Spain's identity numbers, also of foreigners (X, Y, Z)."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]
