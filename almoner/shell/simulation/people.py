"""Invented people: names, ages and habits, drawn from a seeded source of chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

_GIVEN = {
    "female": [
        "Amara",
        "Beatriz",
        "Chiara",
        "Dalisay",
        "Elif",
        "Fatima",
        "Grace",
        "Hana",
        "Ines",
        "Jaya",
        "Keiko",
        "Leila",
        "Mariana",
        "Nadia",
        "Olga",
        "Priya",
        "Quyen",
        "Rosa",
        "Sofia",
        "Thandiwe",
        "Uma",
        "Vera",
        "Wanjiru",
        "Ximena",
        "Yasmin",
        "Zofia",
    ],
    "male": [
        "Ahmed",
        "Bruno",
        "Chidi",
        "Diego",
        "Emre",
        "Farid",
        "Giorgio",
        "Hiroshi",
        "Ivan",
        "Jamal",
        "Kofi",
        "Luis",
        "Mateo",
        "Nikhil",
        "Omar",
        "Pavel",
        "Quang",
        "Rafael",
        "Sanjay",
        "Tomas",
        "Uche",
        "Viktor",
        "Wei",
        "Xavier",
        "Yusuf",
        "Zoran",
    ],
}
_FAMILY = [
    "Abebe",
    "Almeida",
    "Bauer",
    "Castillo",
    "Chen",
    "Costa",
    "Diallo",
    "Dubois",
    "Eriksen",
    "Fernandes",
    "Garcia",
    "Haddad",
    "Horvat",
    "Ibrahim",
    "Jansen",
    "Johnson",
    "Kaur",
    "Kim",
    "Kowalski",
    "Lopez",
    "Mbeki",
    "Mendoza",
    "Moreau",
    "Murphy",
    "Nakamura",
    "Nguyen",
    "Novak",
    "Okafor",
    "Olsen",
    "Patel",
    "Petrov",
    "Qureshi",
    "Ramos",
    "Rossi",
    "Santos",
    "Sato",
    "Schmidt",
    "Singh",
    "Smith",
    "Tanaka",
    "Torres",
    "Usman",
    "Varga",
    "Walker",
    "Wong",
    "Yilmaz",
    "Zhang",
]
COMPLAINTS = (
    "Abdominal pain", "Back pain", "Blood pressure check", "Cough for two weeks", "Dizziness", "Ear ache",
    "Fever", "Follow-up after surgery", "Headache", "Joint pain", "Palpitations", "Rash", "Shortness of breath",
    "Sore throat", "Sprained ankle", "Tiredness",
)  # fmt: skip
EMERGENCIES = (
    "Chest pain", "Deep cut", "Fall from a ladder", "Head injury", "High fever and confusion", "Road accident",
    "Severe asthma", "Severe bleeding", "Suspected stroke",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Who comes. ``category`` is the patient category that prices and discounts look at."""

    name: str
    sex: str
    birth_date: date
    phone: str
    category: str


def draw_person(chance: Random, today: date) -> Person:
    """A person alive on ``today``, at most 95 years old."""
    sex = chance.choice(("female", "male"))
    days = int(chance.triangular(30, 95 * 365, 45 * 365))
    return Person(
        name=f"{chance.choice(_GIVEN[sex])} {chance.choice(_FAMILY)}",
        sex=sex,
        birth_date=today - timedelta(days=days),
        phone=f"+1 555 01{chance.randrange(100):02d}",
        category="staff" if chance.random() < 0.04 else "general",
    )
