-- How many items of each trace experiment never disagree, and how many can be contrasted.
SELECT experiment, model, task, n_items, n_traces, n_correct, items_correct, items_incorrect, items_mixed,
       items_complete, n_pairs
FROM trace_agreement
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task
