-- How well linear probes of the last activation tell correct from incorrect traces.
SELECT experiment, model, task, n_traces, n_correct, n_items, n_features, n_nonzero, c, folds, auroc, auroc_low,
       auroc_high, within_item, train_auroc
FROM probe_fit
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task
