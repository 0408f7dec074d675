"""Two basic analyses of an earthquake catalogue: the distribution of sizes, and which earthquakes belong together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, exp, log10, radians, sin, sqrt
from typing import Optional

from mxcp.runtime import db, mcp

EARTH_RADIUS_KM = 6371.0
# Catalogues round magnitudes to one digit.
MAGNITUDE_STEP = 0.1


@dataclass(frozen=True)
class Earthquake:
    id: str
    occurred_at: datetime
    place: str
    magnitude: float
    latitude: float
    longitude: float


def read_catalogue(min_magnitude: float) -> list:
    rows = db.execute(
        """
        SELECT id, make_timestamp(epoch_us(occurred_at)) AS occurred_at, place, magnitude, latitude, longitude
        FROM earthquakes
        WHERE kind = 'earthquake' AND magnitude >= $min_magnitude
        ORDER BY occurred_at
        """,
        {"min_magnitude": min_magnitude},
    )
    return [Earthquake(**row) for row in rows]


# --- sizes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recurrence:
    magnitude: float
    observed: int
    expected: float
    days_between: float


@dataclass(frozen=True)
class MagnitudeDistribution:
    earthquakes: int
    days: float
    b_value: float
    standard_error: float
    a_value: float
    recurrence: list


def magnitude_distribution(complete_from: float) -> MagnitudeDistribution:
    """The law of Gutenberg and Richter, log10 N = a - b M, by maximum likelihood (Aki 1965, Utsu 1966)."""
    catalogue = read_catalogue(complete_from)
    if len(catalogue) < 10:
        raise ValueError(f"only {len(catalogue)} earthquakes reach magnitude {complete_from}: too few for an estimate")
    magnitudes = [quake.magnitude for quake in catalogue]
    mean = sum(magnitudes) / len(magnitudes)
    b = log10(exp(1)) / (mean - (complete_from - MAGNITUDE_STEP / 2))
    # Shi and Bolt 1982.
    variance = sum((m - mean) ** 2 for m in magnitudes) / (len(magnitudes) * (len(magnitudes) - 1))
    a = log10(len(magnitudes)) + b * complete_from
    days = (catalogue[-1].occurred_at - catalogue[0].occurred_at) / timedelta(days=1)
    return MagnitudeDistribution(
        earthquakes=len(magnitudes),
        days=round(days, 2),
        b_value=round(b, 2),
        standard_error=round(2.3 * b * b * sqrt(variance), 2),
        a_value=round(a, 2),
        recurrence=[recurrence(magnitude, magnitudes, days, a - b * magnitude) for magnitude in (5, 6, 7, 8)],
    )


def recurrence(magnitude: float, magnitudes: list, days: float, log_expected: float) -> Recurrence:
    expected = 10**log_expected
    return Recurrence(
        magnitude=magnitude,
        observed=sum(1 for m in magnitudes if m >= magnitude),
        expected=round(expected, 2),
        days_between=round(days / expected, 1),
    )


# --- what belongs together -------------------------------------------------------------------------------------------


async def aftershock_sequences(min_magnitude: float, min_events: int) -> list:
    """Clusters in space and time by the windows of Gardner and Knopoff (1974), the largest first."""
    catalogue = read_catalogue(min_magnitude)
    unassigned = {quake.id: quake for quake in catalogue}
    by_size = sorted(catalogue, key=lambda quake: -quake.magnitude)
    sequences = []
    for number, main in enumerate(by_size, start=1):
        if main.id not in unassigned:
            continue
        members = [quake for quake in unassigned.values() if belongs_to(quake, main)]
        for member in members:
            del unassigned[member.id]
        if len(members) >= min_events:
            sequences.append(describe(main, members))
            await mcp.progress(number, len(by_size), f"{len(members)} earthquakes {main.place}")
    await mcp.info(f"{len(sequences)} sequences among {len(catalogue)} earthquakes")
    return sorted(sequences, key=lambda sequence: -sequence["earthquakes"])


def belongs_to(quake: Earthquake, main: Earthquake) -> bool:
    """Foreshocks count as well as aftershocks: within the days and kilometres that a shock of this size reaches."""
    size = main.magnitude
    days = 10 ** (0.032 * size + 2.7389) if size >= 6.5 else 10 ** (0.5409 * size - 0.547)
    if abs(quake.occurred_at - main.occurred_at) > timedelta(days=days):
        return False
    return distance_km(quake, main) <= 10 ** (0.1238 * size + 0.983)


def describe(main: Earthquake, members: list) -> dict:
    others = [quake for quake in members if quake.id != main.id]
    largest: Optional[Earthquake] = max(others, key=lambda quake: quake.magnitude, default=None)
    first, last = members[0].occurred_at, members[-1].occurred_at
    return {
        "place": main.place,
        "magnitude": main.magnitude,
        "occurred_at": main.occurred_at,
        "earthquakes": len(members),
        "foreshocks": sum(1 for quake in others if quake.occurred_at < main.occurred_at),
        "hours": round((last - first) / timedelta(hours=1), 1),
        "largest_other": None if largest is None else largest.magnitude,
    }


def distance_km(one: Earthquake, other: Earthquake) -> float:
    lat_one, lat_other = radians(one.latitude), radians(other.latitude)
    half_lat = (lat_other - lat_one) / 2
    half_lon = radians(other.longitude - one.longitude) / 2
    chord = sin(half_lat) ** 2 + cos(lat_one) * cos(lat_other) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(chord))
