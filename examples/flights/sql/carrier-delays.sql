SELECT
  carrier,
  name,
  count(*) AS flights,
  count(*) FILTER (dep_delay IS NULL) AS cancelled,
  round(avg(dep_delay), 1) AS mean_delay
FROM flights JOIN airlines USING (carrier)
WHERE $origin IS NULL OR origin = $origin
GROUP BY carrier, name
HAVING count(*) >= $min_flights
ORDER BY mean_delay DESC
