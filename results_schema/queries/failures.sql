-- Units with failed attempts, and whether they are done by now.
SELECT experiment, round_id, unit, attempts, kind, message, last_utc, done_since
FROM failures
ORDER BY done_since, round_id, unit
