SELECT
  quake.id,
  quake.occurred_at,
  quake.place,
  quake.magnitude,
  round(distance_km(airport.latitude, airport.longitude, quake.latitude, quake.longitude), 1) AS distance_km
FROM airports AS airport
JOIN earthquakes AS quake
  ON distance_km(airport.latitude, airport.longitude, quake.latitude, quake.longitude) <= $radius_km
WHERE airport.iata = $iata
  AND quake.kind = 'earthquake'
ORDER BY distance_km, quake.id
LIMIT $limit
