-- Everything known about one neuron: its effect on every task and metric.
SELECT experiment, model, task, metric, op, role, n, mean, sd, ci_low, ci_high, p, q, rank_no, critical
FROM neuron_effect
WHERE layer = :layer AND neuron = :neuron
  AND (:model IS NULL OR model = :model)
ORDER BY experiment, model, task, metric
