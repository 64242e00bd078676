-- Success patterns: what chosen neurons do in successful attempts.
SELECT experiment, model, task, layer, neuron, n, mean, sd
FROM success_template
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, layer, neuron
