-- What steering did to the answers of the test split, at the strength that the validate split chose.
SELECT experiment, model, task, variant, strength, n, n_steered, baseline_accuracy, accuracy, accuracy_low,
       accuracy_high, fixed, broken, change, change_low, change_high, mcnemar_p, holm_p, items_needed
FROM steer_effect
WHERE stage = 'test'
  AND (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, variant
