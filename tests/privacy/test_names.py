"""What tells a person's name from the same word as something else: one pair of texts for each principle."""

from random import Random

import pytest

from agent.privacy import redact, scan
from agent.privacy.vocabulary import vocabulary

FOUND = {
    "a title": ("ask Mrs Butterfly now", "Butterfly"),
    "a title in another language": ("Termin bei Frau Himmelreich am Montag", "Himmelreich"),
    "kinship": ("flight for my cousin Xurxo from Leeds", "Xurxo"),
    "a profession": ("Architect Castellanos, a portrait", "Castellanos"),
    "a signature": ("nothing came.\n\n— Xurxo", "Xurxo"),
    "a greeting": ("Dear Xurxo, the parcel is late", "Xurxo"),
    "words that name": ("this is Zbrdlik from the second floor", "Zbrdlik"),
    "a deed": ("Melody thinks that it is a fake", "Melody"),
    "a belonging": ("Is Mark's passport photo good enough?", "Mark"),
    "a belonging of": ("the diagnosis of Xurxo was read out", "Xurxo"),
    "an apposition": ("the kid is Xurxo, my nephew", "Xurxo"),
    "an age": ("the minor (Finlay, 12) was shown it", "Finlay"),
    "a speaker": ('{"chat": "BORIS: never got it"}', "BORIS"),
    "a list": ("lunch for Niall and Xurxo", "Niall|Xurxo"),
    "a family": ("a nanny for the Okafors on Friday", "Okafors"),
    "an honour": ("Zbrdlik bhai was charged", "Zbrdlik"),
    "an initial": ("papers by Whitlock, J. on soil", "Whitlock, J"),
    "an initial ahead": ("sick leave of B. Oyelowo, three days", "B. Oyelowo"),
    "two words that nobody knows": ("the file of Zbrdlik Krvnik is empty", "Zbrdlik Krvnik"),
    "a preposition": ("For Akim only", "Akim"),
    "the shape of a family name": ("Zbrdlik Grabczewski, again", "Zbrdlik Grabczewski"),
    "particles": ("Lebenslauf von Jeroen van 't Hoff kürzen", "Jeroen van 't Hoff"),
    "a verb for a first word": ("Contacter Delphine Roux demain", "Delphine Roux"),
    "lower case": ("find the bill of aurelio vantaggi", "aurelio vantaggi"),
    "lower case after kinship": ("a present for my cousin beatrix please", "beatrix"),
    "a case of the language": ("życzenia dla Grażyny na jutro", "Grażyny"),
    "a part of a URL": ("/v1/people/ingeborg-fassbender/addresses", "ingeborg-fassbender"),
    "a state after the name in a question": ("Has Akim been to the doctor?", "Akim"),
    "Han with a word between": ("陈思远的信用报告", "陈思远"),
    "Han with a space": ("小野寺 美月さんへの手紙", "小野寺 美月"),
    "family name first in a URL": ("/booking/Nakamura-Yuki/seat", "Nakamura-Yuki"),
    "all of a value in lower case": ('{"q": "henrietta zbrdlik"}', "henrietta zbrdlik"),
    "two in lower case": ("khalid and amina both failed", "khalid|amina"),
    "a list of people": ('{"guests": ["Xurxo", "Zbrdlik"], "rooms": 2}', "Xurxo|Zbrdlik"),
    "family name first under a key": ('{"patient_name": "Uwimana, Claudine"}', "Uwimana, Claudine"),
    "family name first, though nobody knows it": ("wanted Zbrdlik, Henrietta here", "Zbrdlik, Henrietta"),
    "not a family name but a greeting": ("Cordialement, Henrietta", "Henrietta"),
    "two words in one": ("the account TatianaZbrdlik is closed", "TatianaZbrdlik"),
    "a personal key": ('{"player": "Kayode Zbrdlik", "season": 2025}', "Kayode Zbrdlik"),
    "a name of our own lists": ("a limerick about Zuleica", "Zuleica"),
    "a given name made of parts": ("for Abdulmuqtadir only", "Abdulmuqtadir"),
    "a speech for somebody": ("a speech for Zbrdlik", "Zbrdlik"),
    "somebody's daughter, called like a thing": ("the letter calls my daughter Nebula a liar", "Nebula"),
    "an initial behind a dot": ("cc ravindra.p please", "ravindra"),
    "a greeting in the middle": ("/v1/cards?greeting=To+Mattias+with+love", "Mattias"),
    "lower case in a question": ("did berglind pay his share?", "berglind"),
    "lower case after a preposition": ('{"note": "photos for mireille"}', "mireille"),
    "upper case alone": ("ROBERTA IS NOT HAPPY", "ROBERTA"),
    "a digit for a letter": ("find s1mone roux please", "s1mone roux"),
    "a nickname between": ('Bartholomew "Barry" Nkemelu is not me', 'Bartholomew "Barry" Nkemelu'),
    "six words": ("bill María de los Ángeles Gutiérrez Núñez", "María de los Ángeles Gutiérrez Núñez"),
    "several people in one value": ('{"attendees": "Ines; Matteo; Kwabena"}', "Ines|Matteo|Kwabena"),
    "a value in SQL": ("SELECT 1 FROM users WHERE last_name = 'Zbrdlik'", "Zbrdlik"),
    "a value in XML": ("<order><surname>Zbrdlik</surname></order>", "Zbrdlik"),
    "Han between a verb and a particle": ("查询张晓梅的信用卡记录", "张晓梅"),
    "Han with kana": ("中島さくら様宛ての請求書", "中島さくら"),
    "an Arabic family name of a place": ("ابحث عن عنوان خالد المنصوري", "خالد المنصوري"),
    "a family name in lower case after a title": ("ms. ferreira from hr wants it", "ferreira"),
    "an initial in lower case": ("as discussed with h. lindgren", "h. lindgren"),
    "what a word is said to be": ("surname Zbrdlik, first name Xurxo", "Zbrdlik|Xurxo"),
    "letters turned round": ("look up nhoJ nosrednA at once", "nhoJ nosrednA"),
    "two words in one, with a particle": ("the page of peterVanDamme", "peterVanDamme"),
    "a document called after somebody": ('{"file": "cv_stefan_marinov.pdf"}', "stefan_marinov.pdf"),
    "a family name without its apostrophe": ("/v1/check?n=oconnor,+sean", "oconnor,+sean"),
    "a question about what somebody does": ("what did jamal say about the roof", "jamal"),
    "an argument between two": ("the argument between Priscilla and Wendell", "Priscilla|Wendell"),
    "a title in Thai": ("จดหมายถึงนายสมชาย ใจดี", "สมชาย ใจดี"),
}


@pytest.mark.parametrize(("text", "name"), FOUND.values(), ids=FOUND)
def test_p1_a_name_is_told_by_what_is_around_it(text, name):
    assert [text[one.start : one.end] for one in scan(text) if one.label == "NAME"] == name.split("|")


NOBODY = {
    "two people of one method": "two curves by Kaplan-Meier, one table",
    "a thing that bears a name": "Lewis acids and bases",
    "a thing that bears two": "Price of a Leroy Merlin garden shed",
    "what is owned is a test": "Fisher's exact test for this table",
    "a day": "Martin Luther King Day closures",
    "a version": "Julia 1.9 release notes",
    "a model": "Roland TR-808 samples",
    "code after": "error at Henrietta.run in line 12",
    "code before": "call user.Henrietta at once",
    "an identifier beside": "Jackson ObjectMapper ignores null",
    "a state": "Jackson, Mississippi water quality",
    "a state in two letters": "Madison, WI bus delays",
    "a place in two words": "Rainfall of Sierra Leone in August",
    "a saint": "Trails around Saint Helena",
    "a list of places": "rain in Henrietta and Winifred",
    "a house": "Horarios de la biblioteca Luis Ángel Arango",
    "partners": "Stanley Black & Decker drills",
    "a place of two words that nobody knows": "parking at Zbrdlik Krvnik",
    "a given name in lower case that is a plant": "set basil on the sill",
    "articles in Italian": "Lo schema non corrisponde alla richiesta",
    "nouns in German": "Bitte die Pegelstände des Rheins abrufen",
    "a first word in French": "Contacter demain la mairie",
    "common words in lower case": "Ficheiro corrompido, quero o dinheiro de volta",
    "an ordinary word after a name": "Compare Claude Sonnet with others",
    "a word in a dictionary": "Lockheed Martin contract awards",
    "a function": "Cannot read property 'grant' of undefined",
    "words of a list": '{"tags": ["dean", "bishop", "knight"], "set": "chess"}',
    "an identifier in two words": "the contract MerkleDistributor and GrantFilter",
    "a brand": "a coat by Tommy Hilfiger",
    "what is said of a company": "shares of Oscar again",
    "a profession without a name": "Chief Financial Officer, Treasury",
    "a collection of things in a URL": "/v1/movies?title=Henrietta+Jones",
    "a family of fonts": "p { font-family: 'Zbrdlik' }",
    "a list of things": '{"languages": ["Ruby", "Julia"]}',
    "where a journey begins and ends": "/v1/fares?from=Nancy&to=Lourdes",
    "what is said to be a city": "we got data for Henrietta the city",
    "beside a program": "Deploy it on Docker and Henrietta",
    "a ship": "History of the Henrietta Winifred",
    "a house in several words": "Le taux de la Banque de France manque",
    "one of two people of one method": "reset Fisher-Winter swing",
    "who speaks by trade": '{"transcript": "Agent: hello"}',
    "a contraction": "Madam, I'm told that it is late",
    "a word in Hangul like a name": "서울 지하철 노선도",
    "words in Han like names": "上海浦东机场，翻译成英文",
    "two products": "prices of Xiaomi Redmi in June",
    "a difference between two": "the difference between Henrietta and Windows",
    "a species": "resistance of s. aureus to e. coli phages",
    "letters that end in a capital": "typeA and typeB sockets, a vitaminD test",
    "a member of a module": "call stefan_tools.marinov at once",
    "a question about a program": "what does Zbrdlik say when it fails",
    "a title without a name": "the nurse. practice opens at nine",
    "a dish": "Recipe of Peach Melba with cream",
}


@pytest.mark.parametrize("text", NOBODY.values(), ids=NOBODY)
def test_p1_what_only_bears_a_name_or_looks_like_one_passes(text):
    assert redact(text) == text


def test_p1_no_row_of_particles_titles_and_initials_stops_a_scan():
    said, random = vocabulary("people"), Random(1)
    short = sorted(said["particles"] | said["titles"] | said["suffixes"])
    pool = [*short, *(word.capitalize() for word in short), "A", "J.", "Maria", "Smith", "and", ",", "-", "&"]
    for _ in range(500):
        scan(" ".join(random.choices(pool, k=random.randint(1, 5))))
    assert redact("Van der Merwe is spelled wrong") == "[NAME] is spelled wrong"
