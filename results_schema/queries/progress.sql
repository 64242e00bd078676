-- How far each round is, from merged units.
SELECT round_id, experiment, round_no, kind, n_units, done, failed, compute_seconds
FROM progress
ORDER BY round_id
