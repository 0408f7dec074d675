SELECT name, value, description
FROM duckdb_settings()
WHERE name = $setting
