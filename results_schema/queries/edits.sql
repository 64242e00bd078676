-- What edited weights do to answers, against the unedited model and the same edits of random neurons.
SELECT experiment, model, task, guard, arm, source_task, op, amount, n, baseline_accuracy, accuracy, change, change_low,
       change_high, fixed, broken, mcnemar_p, holm_p, n_random_sets, random_accuracy, difference, difference_low,
       difference_high, random_p, random_holm_p, max_drop, passed
FROM edit_effect
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, arm, guard, task
