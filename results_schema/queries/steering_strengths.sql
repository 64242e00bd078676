-- Every strength of every variant on the validate split: where the strength of the test comes from.
SELECT experiment, model, task, variant, strength, n, n_steered, baseline_accuracy, accuracy, fixed, broken, mcnemar_p
FROM steer_effect
WHERE stage = 'validate'
  AND (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, variant, strength
