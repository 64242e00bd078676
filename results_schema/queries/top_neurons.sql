-- The neurons whose suppression changes a metric most, with interval and q-value.
SELECT experiment, model, task, metric, rank_no, layer, neuron, op, n, mean, ci_low, ci_high, p, q, critical
FROM top_neurons
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
  AND (:metric IS NULL OR metric = :metric)
  AND rank_no <= coalesce(:top, 20)
ORDER BY experiment, model, task, metric, rank_no
