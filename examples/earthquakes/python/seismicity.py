"""Two basic analyses of an earthquake catalogue: the distribution of sizes, and which earthquakes belong together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, ceil, cos, exp, log10, radians, sin, sqrt
from typing import Optional

from chart import BLACK, GREY, Canvas
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


# --- the same as a chart ----------------------------------------------------------------------------------------------

BLUE, ORANGE = (76, 120, 168), (245, 133, 24)


def magnitude_chart(complete_from: float) -> list:
    """Bars for the earthquakes of each size or larger, on a logarithmic scale, and the line of the law."""
    law = magnitude_distribution(complete_from)
    magnitudes = [quake.magnitude for quake in read_catalogue(complete_from)]
    steps = range(round((max(magnitudes) - complete_from) / MAGNITUDE_STEP) + 1)
    counts = [sum(1 for m in magnitudes if m >= complete_from + step * MAGNITUDE_STEP - 0.01) for step in steps]
    chart = draw(complete_from, counts, lambda magnitude: law.a_value - law.b_value * magnitude)
    text = (
        f"{law.earthquakes} earthquakes of magnitude {complete_from:g} or larger in {law.days:g} days. "
        f"The bars count those of each magnitude or larger, on a logarithmic scale; the line is the law with b = {law.b_value:g}."
    )
    return [text, mcp.Image(chart, "image/png", audience=["user", "assistant"])]


def draw(first: float, counts: list, log_of_law) -> bytes:
    left, top, right, bottom = 70, 20, 690, 370
    canvas = Canvas(720, 410)
    # A little below 1, so that a single earthquake is seen.
    low_log, top_log = -0.2, log10(counts[0]) + 0.1
    width = (right - left) / len(counts)

    def height(log: float) -> float:
        return bottom - (bottom - top) * (log - low_log) / (top_log - low_log)

    def across(magnitude: float) -> float:
        return left + (magnitude - first) / MAGNITUDE_STEP * width

    for power in range(int(top_log) + 1):
        canvas.box(left, height(power), right, height(power) + 1, GREY)
        canvas.number(10**power, left - 10, height(power) - 7)
    for step, count in enumerate(counts):
        canvas.box(left + step * width + 1, height(log10(count)), left + (step + 1) * width - 1, bottom, BLUE)
    end = first + len(counts) * MAGNITUDE_STEP
    falls_to_low = first + (log_of_law(first) - low_log) / (log_of_law(first) - log_of_law(first + 1))
    last = min(end, falls_to_low)
    canvas.line((left, height(log_of_law(first))), (across(last), height(max(low_log, log_of_law(last)))), ORANGE)
    canvas.box(left, bottom, right, bottom + 2, BLACK)
    for magnitude in range(ceil(first), int(end) + 1):
        canvas.number(magnitude, across(magnitude) + 5, bottom + 12)
    return canvas.to_png()


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
