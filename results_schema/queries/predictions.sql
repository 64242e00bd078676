-- How good each predictor of failure is: discrimination with its ceiling, calibration, and its threshold.
SELECT experiment, model, task, split, predictor, n, n_failed / n AS failed, auroc, auroc_low, auroc_high, ceiling_auroc,
       brier, ece, ece_low, ece_high, threshold, sensitivity, specificity
FROM prediction_quality
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
  AND split = coalesce(:split, 'test')
ORDER BY experiment, model, task, auroc DESC, predictor
