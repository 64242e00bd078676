-- How the critical set spreads over layers.
SELECT experiment, model, task, layer, count(*) AS n_neurons, avg(score) AS mean_score
FROM critical_set
WHERE (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
GROUP BY experiment, model, task, layer
ORDER BY experiment, model, task, layer
