-- The critical-neuron sets, most critical first.
SELECT experiment, model, task, rank_no, layer, neuron, score, source
FROM critical_set
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, rank_no
