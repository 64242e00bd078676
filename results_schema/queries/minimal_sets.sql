-- Minimal sets in the order of adding, with what each neuron adds and what the set loses without it.
SELECT experiment, model, task, order_no, layer, neuron, rank_no, alone, gain, share, kept, loss
FROM minimal_set
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, order_no
