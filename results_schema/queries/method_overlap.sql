-- How far ways to find neurons select the same ones.
SELECT experiment, model, task, method_a, method_b, n_a, n_b, shared, jaccard, rank_correlation
FROM method_overlap
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, method_a, method_b
