-- Idle time of each rank in each round: what of the time from the round's first unit to its last it spent in no unit.
WITH span AS (
  SELECT launch, rank, round_id, seconds, 86400.0 * julianday(finished_utc) AS ended FROM unit
), wall AS (
  SELECT launch, round_id, max(ended) - min(ended - seconds) AS seconds FROM span GROUP BY launch, round_id
)
SELECT wall.launch, round.experiment, round.round_no, worker.rank, worker.host, count(span.seconds) AS units,
       total(span.seconds) AS busy_seconds, wall.seconds AS round_seconds,
       1 - total(span.seconds) / wall.seconds AS idle_share
FROM wall
JOIN worker ON worker.launch = wall.launch
JOIN round ON round.round_id = wall.round_id
LEFT JOIN span ON span.launch = wall.launch AND span.round_id = wall.round_id AND span.rank = worker.rank
GROUP BY wall.launch, wall.round_id, worker.rank
ORDER BY wall.launch, wall.round_id, worker.rank
