-- What suppressing each set does to accuracy and log-probability.
SELECT experiment, model, task, set_name, n, baseline_accuracy, accuracy, accuracy_low, accuracy_high, accuracy_change,
       mcnemar_p, logprob_change, logprob_low, logprob_high, wilcoxon_p
FROM set_effect
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, set_name
