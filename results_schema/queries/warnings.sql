-- How well failure is foretold at each moment of a reply, by the monitor and by simpler signals.
SELECT experiment, model, task, split, predictor, reading, tokens, n, n_failed, auroc, auroc_low, auroc_high, brier, ece,
       ece_low, ece_high
FROM monitor_quality
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND task = coalesce(:task, '*')
  AND (:predictor IS NULL OR predictor = :predictor)
  AND split = coalesce(:split, 'test')
ORDER BY experiment, model, task, predictor, reading, tokens
