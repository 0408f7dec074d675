from statistics import quantiles

from mxcp.runtime import db


def delay_distribution(dest):
    rows = db.execute(
        "SELECT dep_delay FROM flights WHERE dep_delay IS NOT NULL AND ($dest IS NULL OR dest = $dest)",
        {"dest": dest},
    )
    delays = [row["dep_delay"] for row in rows]
    if len(delays) < 2:
        return {"flights": len(delays)}
    quartiles = quantiles(delays, n=4)
    return {
        "flights": len(delays),
        "median": quartiles[1],
        "quartiles": quartiles,
        "on_time": round(sum(delay <= 15 for delay in delays) / len(delays), 3),
    }
