-- What a safety policy does to the answers of guarded and other tasks, with and without steering.
SELECT experiment, model, task, guarded, arm, against, n, n_enforced, enforced, baseline_accuracy, accuracy, change,
       change_low, change_high, fixed, broken, mcnemar_p, holm_p
FROM constraint_effect
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, arm, against, guarded DESC, task
