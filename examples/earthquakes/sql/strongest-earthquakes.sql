SELECT id, occurred_at, place, magnitude, depth_km, tsunami_notice, url
FROM earthquakes
WHERE kind = 'earthquake'
  AND magnitude >= $min_magnitude
  AND day BETWEEN CAST($since AS DATE) AND CAST($until AS DATE)
ORDER BY
  CASE $order_by
    WHEN 'time' THEN -epoch(occurred_at)
    WHEN 'depth' THEN depth_km
    ELSE -magnitude
  END,
  id
LIMIT $limit
