-- in: results
-- Views named for questions.

-- Which neurons matter most?
CREATE VIEW top_neurons AS
SELECT experiment, model, task, metric, rank_no, layer, neuron, op, n, mean, ci_low, ci_high, p, q, critical
FROM neuron_effect
WHERE role = 'candidate' AND rank_no IS NOT NULL
ORDER BY experiment, model, task, metric, rank_no;

-- How well does each model answer each task, untouched and with sets suppressed?
CREATE VIEW accuracy_by_task AS
SELECT r.experiment, o.model, o.task, o.arm, count(*) AS n, sum(o.correct) AS n_correct, avg(o.correct) AS accuracy,
       avg(o.n_tokens) AS mean_tokens
FROM outcome AS o JOIN round AS r USING (round_id)
GROUP BY r.experiment, o.model, o.task, o.arm
UNION ALL
SELECT r.experiment, t.model, t.task, 'trace', count(*), sum(t.correct), avg(t.correct), avg(t.n_tokens)
FROM trace AS t JOIN round AS r USING (round_id)
GROUP BY r.experiment, t.model, t.task;

-- Does suppressing the critical set hurt more than suppressing matched random sets?
CREATE VIEW critical_vs_random AS
SELECT c.experiment, c.model, c.task, c.n, e.baseline_accuracy, c.critical_accuracy, c.random_accuracy, c.difference,
       c.ci_low, c.ci_high, c.p, c.n_random_sets
FROM set_contrast AS c
LEFT JOIN set_effect AS e
  ON e.experiment = c.experiment AND e.model = c.model AND e.task = c.task AND e.set_name = 'critical';

-- What failed, and is it done by now?
CREATE VIEW failures AS
SELECT r.experiment, f.round_id, f.unit, count(*) AS attempts, max(f.at_utc) AS last_utc, f.kind, f.message,
       EXISTS (SELECT 1 FROM unit AS u WHERE u.round_id = f.round_id AND u.unit = f.unit) AS done_since
FROM unit_failure AS f LEFT JOIN round AS r USING (round_id)
GROUP BY f.round_id, f.unit;

-- How far is each round?
CREATE VIEW progress AS
SELECT r.round_id, r.experiment, r.round_no, r.kind, r.n_units,
       (SELECT count(*) FROM unit AS u WHERE u.round_id = r.round_id) AS done,
       (SELECT count(*) FROM failures AS f WHERE f.round_id = r.round_id AND NOT f.done_since) AS failed,
       (SELECT total(u.seconds) FROM unit AS u WHERE u.round_id = r.round_id) AS compute_seconds
FROM round AS r;
