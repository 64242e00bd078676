-- What suppressing each task's critical set does to every task, and whether the set is general or specific.
SELECT experiment, model, set_task, task, n, baseline_accuracy, random_accuracy, accuracy, difference, ci_low, ci_high,
       holm_p, e.hurts, class
FROM validation_effect AS e JOIN validation_class USING (experiment, model, set_task)
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
ORDER BY experiment, model, set_task, task
