"""What the generated corpus is made of: invented people, numbers, keys and places, and harmless things."""

import string
import tomllib
from pathlib import Path
from random import Random

from eth_account.hdaccount import Language, Mnemonic

PEOPLE = tomllib.loads(Path(__file__).with_name("people.toml").read_text())
SCRIPTS = ("张伟", "王芳", "李娜", "刘洋", "佐藤 健一", "鈴木 太郎", "高橋 美咲", "김민준", "이서연", "박지훈")
DOMAINS = ("example.com", "example.org", "mail.example.net", "post.example.de", "correo.example.es", "inbox.test")
TOWNS = ("Bristol", "Leeds", "Portland", "Springfield", "Galway")
ROADS = ("Maple", "Victoria", "Church", "Mill", "Orchard", "Harbour", "King William", "Elmwood")
KINDS = ("Street", "Road", "Avenue", "Lane", "Drive", "St", "Ave", "Blvd", "Court")
ABROAD = (
    "Lindenstraße {n}, 10969 Berlin",
    "Am Marktplatz {n}, 70173 Stuttgart",
    "{n} rue de la République, 69002 Lyon",
    "Calle de Alcalá {n}, 28014 Madrid",
    "Via Garibaldi {n}, 20121 Milano",
    "ul. Piotrkowska {n}, 90-001 Łódź",
    "Rua das Flores {n}, 4050-262 Porto",
    "Keizersgracht {n}, 1015 CN Amsterdam",
    "Storgatan {n}, 111 23 Stockholm",
)


def people(random: Random) -> str:
    """A whole name."""
    if random.random() < 0.06:
        return random.choice(SCRIPTS)
    language = random.choice(list(PEOPLE))
    given, family = PEOPLE[language]["given"], PEOPLE[language]["family"]
    last = (
        random.choice(("de Vries", "van Dijk", "van den Berg", "Bakker"))
        if language == "dutch"
        else random.choice(family.split())
    )
    first = random.choice(given.split())
    return f"{last} {first}" if language in ("vietnamese", "korean") and random.random() < 0.5 else f"{first} {last}"


def latin(random: Random) -> tuple[str, str]:
    """Given and family name in ASCII."""
    while True:
        first, _, last = people(random).partition(" ")
        if (first + last).isascii() and last.isalpha() and first.isalpha():
            return first, last


def mail(random: Random) -> str:
    first, last = latin(random)
    local = random.choice((f"{first}.{last}", f"{first[0]}{last}", f"{first}_{random.randint(1, 99)}", f"{last}+shop"))
    return f"{local}@{random.choice(DOMAINS)}".lower()


def digits(random: Random, count: int) -> str:
    return "".join(random.choice(string.digits) for _ in range(count))


def phone(random: Random) -> str:
    shape = random.choice(
        (
            "+1 212-555-01##",
            "+44 20 7946 0###",
            "+49 171 #######",
            "+33 6 ## ## ## ##",
            "(415) 555-01##",
            "+91 98### #####",
            "+81 3-####-####",
            "+55 11 9####-####",
            "202-555-01##",
            "+34 6## ### ###",
            "06 ## ## ## ##",
            "030 / 90182###",
        )
    )
    return "".join(random.choice(string.digits) if one == "#" else one for one in shape)


def card(random: Random) -> str:
    """With a valid check digit, in one of the usual groupings."""
    prefix, length = random.choice((("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("55", 16)))
    body = prefix + digits(random, length - len(prefix) - 1)
    number = next(body + check for check in string.digits if _luhn(body + check))
    if number.endswith("00000"):
        return card(random)
    if length == 15:
        return random.choice((number, f"{number[:4]} {number[4:10]} {number[10:]}"))
    groups = [number[at : at + 4] for at in range(0, 16, 4)]
    return random.choice((number, " ".join(groups), "-".join(groups)))


def _luhn(number: str) -> bool:
    doubled = [int(one) * (1 + index % 2) for index, one in enumerate(reversed(number))]
    return sum(one // 10 + one % 10 for one in doubled) % 10 == 0


def identity(random: Random) -> tuple[str, str]:
    """What is said before a number, and the number."""
    return random.choice((_ssn, _iban, _passport, _dni, _cpf, _nino, _told))(random)


def _ssn(random: Random) -> tuple[str, str]:
    return random.choice(
        ("SSN ", "social security number ", "")
    ), f"{random.randint(100, 665)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"


def _iban(random: Random) -> tuple[str, str]:
    country, length = random.choice((("DE", 18), ("ES", 20), ("AT", 16), ("PL", 24)))
    account = digits(random, length)
    check = 98 - int("".join(str(int(one, 36)) for one in account + country + "00")) % 97
    number = f"{country}{check:02}{account}"
    return random.choice(("IBAN ", "")), random.choice(
        (number, " ".join(number[at : at + 4] for at in range(0, len(number), 4)))
    )


def _passport(random: Random) -> tuple[str, str]:
    said = random.choice(("passport ", "passport number ", "Passport No. ", "passport: "))
    return said, random.choice(string.ascii_uppercase) + digits(random, 8)


def _dni(random: Random) -> tuple[str, str]:
    number = random.randint(10_000_000, 99_999_999)
    return random.choice(("DNI ", "")), f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _cpf(random: Random) -> tuple[str, str]:
    number = digits(random, 11)
    return random.choice(("CPF ", "")), f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def _nino(random: Random) -> tuple[str, str]:
    pairs = " ".join(str(random.randint(10, 99)) for _ in range(3))
    return random.choice(("national insurance ", "")), f"AB {pairs} C"


def _told(random: Random) -> tuple[str, str]:
    said = random.choice(("driver's license ", "national ID ", "tax id ", "PESEL ", "Personalausweis ", "licence no. "))
    return said, digits(random, 11) if "PESEL" in said else random.choice(string.ascii_uppercase) + digits(random, 9)


def key(random: Random) -> tuple[str, str]:
    """What is said before a key, and the key."""
    letters = string.ascii_letters + string.digits

    def some(count: int) -> str:
        return "".join(random.choice(letters) for _ in range(count - 2)) + "7a"

    number = f"0x{random.getrandbits(256):064x}"
    words = " ".join(random.sample(list(Mnemonic(Language.ENGLISH).wordlist), random.choice((12, 24))))
    return random.choice(
        (
            ("private key ", number),
            ("seed phrase: ", words),
            ("", words),
            ("", f"sk_live_{some(24)}"),
            ("API key ", f"sk-proj-{some(32)}"),
            ("", f"ghp_{some(36)}"),
            ("", f"AKIA{some(16).upper()}"),
            ("password: ", f"{some(8)}!{some(4)}"),
            ("Bearer ", some(40)),
        )
    )


def address(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(ABROAD).format(n=random.randint(1, 180))
    street = f"{random.randint(1, 2400)} {random.choice(ROADS)} {random.choice(KINDS)}"
    return random.choice(
        (street, f"{street}, {random.choice(TOWNS)}", f"{street}, Portland, OR 97205", f"{street}, London NW1 6XE")
    )


def harmless(random: Random) -> str:
    """What looks like something and is what commerce is made of."""
    return random.choice(
        (
            f"0x{random.getrandbits(160):040x}",
            f"0x{random.getrandbits(256):064x}",
            str(random.randint(1, 999) * 10**15),
            f"{random.randint(1, 999)}.{random.randint(10, 99)} USDC",
            f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T13:00:00Z",
            f"v{random.randint(0, 4)}.{random.randint(0, 30)}.{random.randint(0, 9)}",
            "DEMO-TREND",
            "ETH/USDC",
            "WBTC",
            "Uniswap V3",
            "Base Sepolia",
            "eip155:8453",
            f"0x6080604052{random.getrandbits(800):0200x}",
            f"block {random.randint(10**7, 10**8)}",
            str(random.randint(1_700_000_000, 1_800_000_000)),
            f"{random.getrandbits(32):08x}-4a53-4d0c-9e55-{random.getrandbits(48):012x}",
            "transfer(address,uint256)",
            "Chainlink price feed",
            "Merkle proof",
            f"order {random.randint(10_000, 99_999)}",
            "gas 21000",
            "0.8.30+commit.73712a01",
            "Arbitrum One",
            "192.168.10.20",
            "New York",
            "Monday morning",
        )
    )
