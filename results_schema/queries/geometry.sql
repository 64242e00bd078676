-- How correct and incorrect traces differ in length and in the path of the residual stream, paired by item.
SELECT experiment, model, task, measure, n, correct, incorrect, difference, ci_low, ci_high, p
FROM geometry_contrast
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, measure
