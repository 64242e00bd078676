-- Whether suppressing the critical set hurts more than suppressing matched random sets.
SELECT experiment, model, task, n, baseline_accuracy, critical_accuracy, random_accuracy, difference, ci_low, ci_high,
       p, n_random_sets
FROM critical_vs_random
WHERE (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task
