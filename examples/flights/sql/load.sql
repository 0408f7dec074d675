-- Run in the folder of the project: mxcp query --file sql/load.sql
CREATE OR REPLACE TABLE airlines AS FROM read_csv('data/airlines.csv');
CREATE OR REPLACE TABLE flights AS FROM read_csv('data/flights.csv');
SELECT count(*) AS flights FROM flights;
