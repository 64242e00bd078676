-- Per-item effects of one neuron, opened from the measured blocks.
SELECT round_id, unit, model, task, item, metric, op, role, effect, baseline
FROM effects
WHERE layer = :layer AND neuron = :neuron
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
  AND (:metric IS NULL OR metric = :metric)
ORDER BY round_id, unit, metric
