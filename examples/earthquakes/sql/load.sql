-- Builds the three tables of the example. $datasets is the folder that holds the source files.
CREATE TABLE earthquakes AS
WITH feed AS (
  SELECT unnest(features) AS feature
  FROM read_json($datasets || '/earthquakes.json', maximum_object_size = 16000000)
)
SELECT
  feature.id AS id,
  to_timestamp(feature.properties.time / 1000.0) AS occurred_at,
  epoch_ms(CAST(feature.properties.time AS BIGINT))::DATE AS day,
  feature.properties.place AS place,
  feature.properties.type AS kind,
  CAST(feature.properties.mag AS DOUBLE) AS magnitude,
  CAST(feature.geometry.coordinates[1] AS DOUBLE) AS longitude,
  CAST(feature.geometry.coordinates[2] AS DOUBLE) AS latitude,
  CAST(feature.geometry.coordinates[3] AS DOUBLE) AS depth_km,
  feature.properties.tsunami = 1 AS tsunami_notice,
  feature.properties.url AS url
FROM feed
ORDER BY occurred_at;

CREATE TABLE airports AS
SELECT iata, name, city, state, country, latitude, longitude
FROM read_csv($datasets || '/airports.csv', header = true, all_varchar = false)
ORDER BY iata;

CREATE TABLE seattle_weather AS
SELECT
  CAST(date AS DATE) AS day,
  CAST(precipitation AS DOUBLE) AS precipitation_mm,
  CAST(temp_max AS DOUBLE) AS high_celsius,
  CAST(temp_min AS DOUBLE) AS low_celsius,
  CAST(wind AS DOUBLE) AS wind_metres_per_second,
  weather
FROM read_csv($datasets || '/seattle-weather.csv', header = true)
ORDER BY day;

-- Great-circle distance; a sphere is near enough for "which airports felt it".
CREATE MACRO distance_km(lat_a, lon_a, lat_b, lon_b) AS
  2 * 6371.0 * asin(sqrt(
    pow(sin(radians(lat_b - lat_a) / 2), 2)
    + cos(radians(lat_a)) * cos(radians(lat_b)) * pow(sin(radians(lon_b - lon_a) / 2), 2)
  ));
