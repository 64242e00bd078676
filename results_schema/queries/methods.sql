-- How well each way to find neurons predicts exact causal effects, and how stable its selection is.
SELECT experiment, model, task, method, source, n_neurons, truth, recall, n_items, mean_effect, ci_low, ci_high,
       random_effect, difference, difference_low, difference_high, p, rank_correlation, stability, stability_low,
       stability_high
FROM method_quality
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, method
