-- Neurons that are critical for several tasks.
SELECT experiment, model, layer, neuron, class, n_tasks_critical, tasks
FROM neuron_class
WHERE class <> 'none'
  AND (:model IS NULL OR model = :model)
ORDER BY experiment, model, n_tasks_critical DESC, layer, neuron
