-- Accuracy of each model on each task, untouched and with sets of neurons suppressed.
SELECT experiment, model, task, arm, n, n_correct, accuracy, mean_tokens
FROM accuracy_by_task
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, arm
